"""Whether texts are the names of people: how names are written, and names that many people have.

The lists are short on purpose. They only have to tell a column of names from one of companies, titles or places;
whether a single text is a name they can't say.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence


def words(text: str) -> frozenset[str]:
    """The different words of a text."""
    return frozenset(text.split())


_GIVEN = words("""
    james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony mark donald
    steven paul andrew joshua kenneth kevin brian george timothy ronald edward jason jeffrey ryan jacob gary nicholas
    eric jonathan stephen larry justin scott brandon benjamin samuel gregory alexander patrick frank raymond jack dennis
    jerry tyler aaron jose adam nathan henry douglas zachary peter kyle ethan walter noah jeremy christian keith roger
    terry austin sean gerald carl harold dylan arthur lawrence jordan jesse bryan billy bruce gabriel joe logan alan
    juan albert willie elijah wayne randy vincent mason roy ralph bobby russell bradley philip eugene liam oliver lucas
    leo max felix simon martin hans karl heinz fritz wolfgang jurgen klaus uwe dieter stefan matthias andreas tobias
    sebastian florian lukas jonas finn emil anton oskar erik lars sven nils olaf bjorn anders magnus pierre jean michel
    philippe alain bernard francois guy louis luc marc nicolas olivier pascal rene thierry yves antoine carlos
    luis jorge pedro miguel angel manuel francisco javier antonio rafael fernando diego alejandro pablo sergio andres
    marco luca giovanni giuseppe francesco andrea alessandro matteo lorenzo paolo joao tiago rui nuno ivan dmitri
    sergei vladimir alexei mikhail nikolai pavel igor boris yuri piotr krzysztof andrzej jan tomasz marek jakub
    mohammed muhammad ahmed ali omar hassan hussein ibrahim khalid yusuf abdul mustafa mehmet emre raj amit rahul
    sanjay vijay anil ravi suresh rajesh arjun wei ming jun hiroshi kenji takashi yuki kazuo minh nguyen
    mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty margaret sandra ashley
    kimberly emily donna michelle carol amanda dorothy melissa deborah stephanie rebecca sharon laura cynthia kathleen
    amy angela shirley anna brenda pamela emma nicole helen samantha katherine christine debra rachel carolyn janet
    catherine maria heather diane ruth julie olivia joyce virginia victoria kelly lauren christina joan evelyn judith
    megan andrea cheryl hannah jacqueline martha gloria teresa ann sara madison frances kathryn janice jean abigail
    alice julia judy sophia grace denise amber doris marilyn danielle beverly isabella theresa diana natalie brittany
    charlotte marie kayla alexis lori mia ava chloe ella lily zoe ellie lucy freya ida clara greta ingrid astrid
    monika ursula petra sabine renate birgit heike anja katja claudia susanne nicola sophie camille juliette isabelle
    nathalie valerie sylvie chantal monique carmen ana lucia elena sofia marta paula isabel pilar rosa beatriz chiara
    giulia francesca valentina federica silvia ines catarina olga tatiana natalia svetlana irina ekaterina anastasia
    katarzyna agnieszka malgorzata fatima aisha zeynep ayse leila priya anita sunita deepa kavita mei ling yoko keiko
    sam ben tom tim jim bob mike dave steve chris dan matt nick alex kate liz beth meg jen sue peggy tony jeff greg
    ken ron don ray ted fred harry archie alfie freddie jake luke connor callum mitchell lachlan cooper hamish jayden
    """)

_FAMILY = words("""
    smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson anderson
    thomas taylor moore jackson martin lee perez thompson white harris sanchez clark ramirez lewis robinson walker
    allen wright scott torres nguyen hill flores green adams nelson baker hall rivera campbell mitchell carter
    roberts gomez phillips evans turner diaz parker cruz edwards collins reyes stewart morris morales murphy cook
    rogers gutierrez ortiz morgan cooper peterson bailey reed kelly howard ramos kim cox ward richardson watson brooks
    chavez wood james bennett gray mendoza ruiz hughes price alvarez castillo sanders patel myers ross foster jimenez
    powell jenkins perry russell sullivan coleman butler henderson barnes fisher vasquez simmons romero jordan
    patterson alexander hamilton graham reynolds griffin wallace moreno west cole hayes bryant herrera gibson ellis
    tran medina stevens murray ford castro marshall owens harrison fernandez mcdonald kennedy wells vargas henry chen
    freeman webb tucker guzman burns crawford olson simpson porter hunter gordon mendez silva shaw snyder mason dixon
    muller schmidt schneider fischer weber meyer wagner becker schulz hoffmann koch bauer richter klein wolf schroder
    neumann schwarz zimmermann braun kruger hofmann hartmann lange werner krause lehmann dubois durand leroy moreau
    simon laurent lefebvre michel bertrand roux fournier girard bonnet dupont rossi russo ferrari esposito bianchi
    romano colombo ricci marino greco bruno gallo conti santos oliveira souza pereira costa ferreira almeida carvalho
    ivanov petrov sidorov popov kowalski nowak wisniewski novak horvat jensen nielsen hansen pedersen andersen
    larsen olsen johansson andersson karlsson nilsson eriksson svensson khan ali ahmed hussain singh kumar sharma gupta
    das yilmaz kaya demir wang li zhang liu yang huang zhao wu zhou tanaka suzuki sato watanabe takahashi ito yamamoto
    nakamura park choi jung o'brien o'connor walsh ryan byrne macdonald stewart robertson thomson berg cohen levy katz
    """)

_TITLES = words("mr mrs ms miss dr prof sir madam herr frau mme mlle jr sr ii iii iv phd md esq")

_ORGANISATION = words("""
    inc ltd llc llp gmbh ag corp co company companies corporation plc sa nv bv pty group holdings partners associates
    bank brewing brewery brewers restaurant cafe bar grill hotel inn university college school institute hospital clinic
    center centre foundation society club association church city county state street road avenue store shop market
    services service systems solutions technologies technology software industries international national records media
    press studio studios productions entertainment airlines motors energy insurance pharmacy medical health the of and
    for with in on at to from
    """)

_PARTICLES = words("van von der den de del della di da dos du la le al el bin ibn ter ten zu st mac mc")
_TOKEN = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*\.?")
_LETTERED = re.compile(r"[^\W\d_][^\d_@/\\<>=+*#%&|{}\[\]:;!?\"]*")
_ENDING = re.compile(r"[^\W\d_]{2}\.[^\W\d_]")
_INITIALS = re.compile(r"(?:[^\W\d_]\.[ -]?){1,4}:?")
_WITHOUT_QUOTES = str.maketrans("", "", '{}[]"')
_BETWEEN_PEOPLE = re.compile(r"(?:\s*[,;|/&]\s*|\s+and\s+|(?<=[,;] )and\s+)+", re.I)


def plain(text: str) -> str:
    """A text in small letters without accents."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def may_be_name(text: str) -> bool:
    """Letters only, in one to five words of which none belongs to an organisation: so a name can be written."""
    if len(text) > 60 or not _LETTERED.fullmatch(text) or _ENDING.search(text):
        return False
    tokens = _tokens(text)
    return 1 <= len(tokens) <= 5 and _ORGANISATION.isdisjoint(tokens) and not _shouted(text, tokens)


def _shouted(text: str, tokens: Sequence[str]) -> bool:
    """Capitals only and short: an abbreviation."""
    return len(tokens) == 1 and len(text) <= 3 and text.isupper()


def may_be_full_name(text: str) -> bool:
    """A name of at least two words, each beginning with a capital or all written alike."""
    words = [word for word in _TOKEN.findall(text) if plain(word).rstrip(".") not in _PARTICLES | _TITLES]
    cased = all(word[0].isupper() for word in words) or text.islower()
    return may_be_name(text) and len(words) >= 2 and cased


def holds_given_name(text: str) -> bool:
    """Whether one of its words is a given name that many people have."""
    return not _GIVEN.isdisjoint(_tokens(text))


def holds_known_name(text: str) -> bool:
    """Whether one of its words is a given or a family name that many people have."""
    return any(token in _GIVEN or token in _FAMILY for token in _tokens(text))


def people_in(text: str) -> list[str]:
    """The names in a list of people: `Ann Lee, Bo Berg` are two; `Lee, Ann` is one, and so is `Lee, A.`"""
    text = text.translate(_WITHOUT_QUOTES).strip()
    parts: list[str] = []
    for part in filter(None, _BETWEEN_PEOPLE.split(text)):
        if parts and _INITIALS.fullmatch(part):
            parts[-1] += f" {part}"
        else:
            parts.append(part)
    single_words = len(parts) == 2 and all(len(part.split()) == 1 for part in parts)
    return [text] if single_words else parts


def _tokens(text: str) -> list[str]:
    words: Iterable[str] = (plain(word).rstrip(".") for word in _TOKEN.findall(text))
    return [word for word in words if word not in _TITLES]
