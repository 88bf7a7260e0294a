"""Record linkage, in the order in which it happens: fields, candidates, comparison, weights, clusters."""
