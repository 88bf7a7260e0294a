"""What values mean in the world: e-mail addresses, cards, phones, places, codes; found by checking, not by looks."""
