"""What the name of a column says of its contents: words of several languages, read as words and not as letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_LATIN = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "æ": "ae", "œ": "oe", "ı": "i"})


def words_of(header: str) -> tuple[str, ...]:
    """A header as lower-case words without accents: `customerEMail_2` is (customer, e, mail, 2)."""
    plain = unicodedata.normalize("NFKD", header.translate(_LATIN))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return tuple(word.lower() for word in _WORDS.findall(plain))


def normalised(header: str) -> str:
    """A header without case, accents and signs: `E-Mail Address` and `email_address` are one."""
    return "".join(words_of(header))


@dataclass(frozen=True)
class Hint:
    """What a header says: a kind of personal data, and whether it says so plainly (`strong`) or only may."""

    kind: str
    strong: bool


def _phrases(text: str) -> frozenset[str]:
    return frozenset(phrase.strip() for phrase in text.split(",") if phrase.strip())


# Phrases are joined words; what a header joins otherwise (`firstname`, `first_name`, `firstName`) is one and the same.
_STRONG: Mapping[str, frozenset[str]] = {
    "email": _phrases(
        "email, e mail, email address, mail address, correo, correo electronico, courriel, почта, электронная почта, "
        "メール, メールアドレス, 邮箱, 电子邮件, البريد الإلكتروني"
    ),
    "phone": _phrases(
        "phone, phone number, telephone, tel, telefon, telefono, telefonnummer, telefoon, mobile, mobile number, "
        "mobilnummer, handy, cell phone, cellphone, cell number, fax, fax number, whatsapp, msisdn, "
        "rufnummer, mobiltelefon, portable, telemovel, celular, movil, телефон, номер телефона, "
        "電話, 電話番号, 携帯電話, 电话, 手机, 手机号, 手机号码, 电话号码, هاتف, رقم الهاتف"
    ),
    "person_name": _phrases(
        "first name, last name, full name, given name, family name, middle name, maiden name, birth name, nick name, "
        "fname, lname, mname, surname, forename, firstname, lastname, fullname, givenname, familyname, middlename, "
        "nickname, christian name, person name, customer name, client name, patient name, employee name, contact name, "
        "student name, member name, owner name, holder name, cardholder, cardholder name, account holder, "
        "passenger name, guest name, applicant name, candidate name, recipient name, sender name, author name, "
        "manager name, doctor name, teacher name, spouse name, guardian name, parent name, mother name, father name, "
        "beneficiary name, tenant name, driver name, maternal name, legal name of person, "
        "vorname, nachname, familienname, geburtsname, prenom, nom de famille, apellido, apellidos, primer nombre, "
        "nombre completo, cognome, voornaam, achternaam, sobrenome, imie, nazwisko, "
        "fornamn, efternamn, ad soyad, имя, фамилия, отчество, фио, 氏名, 名前, お名前, 姓名, 名字, الاسم"
    ),
    "address": _phrases(
        "address, street, street address, street name, street number, home address, postal address, mailing address, "
        "billing address, shipping address, delivery address, residential address, address line, addr, house number, "
        "strasse, hausnummer, adresse, anschrift, wohnort adresse, rue, direccion, domicilio, indirizzo, via, adres, "
        "straat, huisnummer, endereco, po box, "
        "ulica, adresa, adress, адрес, улица, 住所, 地址, العنوان"
    ),
    "birth_date": _phrases(
        "birth date, birthdate, date of birth, dob, birthday, birth day, born, born on, geburtsdatum, geburtstag, "
        "date de naissance, naissance, fecha de nacimiento, nacimiento, data di nascita, geboortedatum, "
        "data de nascimento, "
        "fodelsedatum, data urodzenia, dogum tarihi, дата рождения, 生年月日, 誕生日, 出生日期, 生日, تاريخ الميلاد"
    ),
    "national_id": _phrases(
        "ssn, soc sec id, social security, social security number, social security no, social insurance number, "
        "national id, national identity, national insurance number, nino, tax id, taxpayer id, tin, itin, cpf, curp, "
        "rfc, dni, nie, nif, nir, pesel, bsn, aadhaar, pan number, personal number, personnummer, codice fiscale, "
        "steuer id, steuernummer, sozialversicherungsnummer, identity number, citizen id, "
        "securite sociale, kimlik no, инн, снилс, マイナンバー, 個人番号, 身份证, 身份证号, 身份证号码"
    ),
    "identity_document": _phrases(
        "passport, passport number, passport no, driver license, drivers license, driver licence, driving licence, "
        "drivers licence, license number of driver, id card number, identity card, visa number, ausweisnummer, "
        "personalausweis, reisepass, fuhrerschein, green card number, "
        "паспорт, номер паспорта, パスポート番号, 护照号, 护照号码"
    ),
    "card": _phrases(
        "card number, credit card, credit card number, debit card, debit card number, cc number, ccn, cc num, pan, "
        "card no, payment card, kreditkarte, kreditkartennummer, kartennummer, carte bancaire, tarjeta de credito"
    ),
    "card_security": _phrases("cvv, cvc, cvv2, cvc2, card security code, card verification, card pin"),
    "bank_account": _phrases(
        "iban, bank account, bank account number, account number of bank, bban, sort code, routing number, "
        "kontonummer, bankverbindung, cuenta bancaria, clabe, swift account"
    ),
    "salary": _phrases(
        "salary, wage, wages, income, annual income, gehalt, lohn, einkommen, salaire, salario, net worth, "
        "compensation amount, base pay, gross pay, net pay, pay rate, hourly rate of pay, credit score, "
        "account balance, debt, "
        "зарплата, 給与, 年収, 工资"
    ),
    "ip_address": _phrases("ip, ip address, ipaddr, ip addr, ipv4, ipv6, client ip, remote addr, source ip, user ip"),
    "device_id": _phrases(
        "device id, mac address, imei, imsi, udid, idfa, gaid, advertising id, android id, serial number of device, "
        "cookie id, browser fingerprint"
    ),
    "user_name": _phrases(
        "username, user name, login, login name, screen name, user handle, twitter handle, instagram, telegram, "
        "skype, benutzername, account name of user"
    ),
    "vehicle": _phrases(
        "vin, vehicle identification number, license plate, licence plate, plate number, number plate, "
        "registration plate, kennzeichen"
    ),
    "medical_id": _phrases(
        "mrn, medical record number, medical record, patient id, patient number, patient no, health insurance number, "
        "insurance member id, nhs number, medicare number, medicaid id, npi of patient, health plan number, "
        "krankenversicherungsnummer, versichertennummer"
    ),
    "secret": _phrases(
        "password, passwd, pwd, password hash, pass phrase, passphrase, secret, secret key, api key, apikey, "
        "access key, private key, access token, auth token, refresh token, bearer token, session token, client secret, "
        "security answer, security question answer, passwort, kennwort, mot de passe, contrasena, otp, otp secret"
    ),
    "precise_location": _phrases(
        "latitude, longitude, lat, lng, lon, long lat, lat long, lat lon, coordinates, gps, gps coordinates, "
        "geo point, geolocation, geo location"
    ),
    "health": _phrases(
        "diagnosis, diagnoses, diagnosis code, icd, icd code, icd9, icd10, icd 9, icd 10, disease, illness, "
        "medical condition, health condition, "
        "health status, medication, medications, prescription, allergy, allergies, treatment, symptom, symptoms, "
        "blood type, blood group, blood pressure, bmi, hiv, hiv status, disability, disabled, pregnancy, pregnant, "
        "cholesterol, glucose, smoker, smoking status, mental health, medical history, cancer, vaccination, "
        "vaccinated, diagnose, krankheit, medikament, behinderung, maladie, enfermedad"
    ),
    "religion": _phrases("religion, religious, religious affiliation, faith, denomination, church, konfession, creed"),
    "politics": _phrases(
        "political party, political affiliation, political opinion, party affiliation, party membership, "
        "political view, voted for, vote intention, registered party"
    ),
    "ethnicity": _phrases(
        "ethnicity, ethnic, ethnic group, ethnic origin, race, racial, skin color, skin colour, tribe, caste"
    ),
    "sex_life": _phrases("sexual orientation, sexuality, sexual preference, sex life, gender identity, transgender"),
    "union": _phrases("union member, union membership, trade union, labor union, labour union, gewerkschaft"),
    "biometrics": _phrases(
        "fingerprint, fingerprint hash, face id, facial recognition, iris scan, retina, voiceprint, biometric, "
        "biometrics, dna, genome, genotype, genetic marker"
    ),
    "criminal": _phrases(
        "criminal record, conviction, convictions, criminal history, arrest, arrests, felony, offence, offense, inmate"
    ),
    "child": _phrases(
        "child name, child age, child birth date, name of child, children names, minor, is minor, guardian, "
        "legal guardian, parental consent, parent consent, child"
    ),
    "gender": _phrases("gender, sex, geschlecht, sexe, sexo, genere, geslacht"),
    "age": _phrases("age, alter, edad, eta, leeftijd, age group, age band, birth year, year of birth, geburtsjahr"),
    "postcode": _phrases(
        "postcode, post code, postal code, zip, zip code, zipcode, plz, postleitzahl, code postal, codigo postal, cap, "
        "pin code, pincode, "
        "plec, пол, 性別, 性别, "
        "возраст, 年齢, 年龄, "
        "индекс, почтовый индекс, 郵便番号, 邮编"
    ),
    "place": _phrases(
        "city, town, village, suburb, municipality, county, district of residence, place of birth, birth place, "
        "birthplace, residence, ort, wohnort, stadt, ville, ciudad, citta, plaats, cidade, "
        "город, 都道府県, 市区町村, 城市"
    ),
    "nationality": _phrases(
        "nationality, citizenship, native country, country of birth, mother tongue, native language, "
        "staatsangehorigkeit, nationalite, nacionalidad"
    ),
    "occupation": _phrases(
        "occupation, profession, job title, employer, workclass, education, education level, highest degree, beruf"
    ),
    "family": _phrases(
        "marital status, marital, civil status, relationship status, number of children, dependents, household size, "
        "familienstand, estado civil"
    ),
}

_WEAK: Mapping[str, frozenset[str]] = {
    "person_name": _phrases(
        "name, names, contact, person, customer, client, patient, employee, author, authors, owner, manager, director, "
        "actor, actors, cast, writer, writers, artist, user, member, student, teacher, doctor, physician, agent, "
        "assignee, reporter, signed by, created by, modified by, approved by, spouse, father, mother, passenger, "
        "guest, driver, recipient, sender, nombre, nome, nom, naam, name1, name2, player, coach"
    ),
    "phone": _phrases("contact, contact number, number, mob, cell, ph, hotline"),
    "email": _phrases("mail, contact, login, user"),
    "address": _phrases("location, residence, domicile, place"),
    "bank_account": _phrases("account, account number, account no, konto, acct"),
    "medical_id": _phrases("insurance number, policy number, member id"),
    "secret": _phrases("token, pin, hash, salt, key secret, credentials"),
    "politics": _phrases("party, vote"),
    "union": _phrases("union"),
    "health": _phrases("condition, drug, health, medical, procedure"),
    "national_id": _phrases("id number, identification, identification number"),
    "user_name": _phrases("handle, user, account"),
    "birth_date": _phrases("birth, bday"),
    "nationality": _phrases("country, language"),
    "precise_location": _phrases("location, position, geo"),
}

_VETOES: Mapping[str, frozenset[str]] = {
    "person_name": _phrases(
        "file, filename, hostname, tablename, column, "
        "field, table, product, item, brand, company, organization, organisation, business, firm, "
        "venue, event, host, domain, server, database, app, application, project, category, class, course, "
        "school, university, hospital, hotel, restaurant, store, shop, team, group, department, city, country, state, "
        "region, street, station, song, album, movie, film, book, game, style, beer, brewery, journal, conference, "
        "measure, id, code, type, count, number, num, status, url, date, size, email, mail, phone, resource, model, "
        "species, variable, sheet, schema, key, bank, drug, village, town, district, county, flight, ship, vessel"
    ),
    "address": _phrases("email, mail, ip, mac, web, url, wallet, memory, count, type, id"),
    "age": _phrases("page, usage, of, account, vehicle, car, building, company, in, max, min, range of"),
    "place": _phrases("code, id, count"),
    "gender": _phrases("id, identity"),
    "secret": _phrases("count, reset, expiry, expires, changed, at, date, length, last, enabled, type"),
    "health": _phrases("cost, id of, insurance, plan, check, server, system"),
    "phone": _phrases("type, model, brand, country, verified, os, id, serial, sku, part, isbn, issn"),
    "email": _phrases("verified, type, count, status, sent, opened, domain, opt, consent, subscribed, subject, at"),
    "card": _phrases("type, brand, count, expiry, business, report, loyalty, score"),
    "child": _phrases("id, node, process, count"),
    "ethnicity": _phrases("condition, id, time, date, number, track, car, name, winner, position"),
    "salary": _phrases("tax, statement"),
    "bank_account": _phrases("type, status, manager, created, id"),
    "precise_location": _phrases("id, code, type"),
    "user_name": _phrases("id, type, count, created, status, agent"),
    "birth_date": _phrases("place, weight, rate, order, country, city, year"),
    "ip_address": _phrases("version, release, build"),
    "criminal": _phrases("warranty, time"),
    "union": _phrases("set, all, type"),
}


def hints_of(header: str) -> list[Hint]:
    """What a header says, the plain words first. A header that vetoes a kind says nothing of it."""
    words = tuple(word for word in words_of(header) if not word.isdigit())
    found = _spoken(_STRONG, words)
    weak = [kind for kind in _spoken(_WEAK, words) if kind not in found]
    return [Hint(kind, True) for kind in found] + [Hint(kind, False) for kind in weak]


def _spoken(lexicon: Mapping[str, frozenset[str]], words: tuple[str, ...]) -> list[str]:
    said = _joined(words)
    return [
        kind
        for kind, phrases in lexicon.items()
        if any(phrase in said for phrase in _JOINED[id(lexicon)][kind]) and not _vetoed(kind, words)
    ]


def _joined(words: tuple[str, ...]) -> frozenset[str]:
    """Every run of words as one word."""
    runs = range(len(words))
    return frozenset("".join(words[start : end + 1]) for start in runs for end in runs if start <= end)


def is_vetoed(kind: str, header: str) -> bool:
    """Whether a header says that its column is about something else: a file name is no person's."""
    return _vetoed(kind, words_of(header))


def _vetoed(kind: str, words: Iterable[str]) -> bool:
    return not _VETOES.get(kind, frozenset()).isdisjoint(words)


_JOINED = {
    id(lexicon): {kind: {normalised(phrase) for phrase in phrases} for kind, phrases in lexicon.items()}
    for lexicon in (_STRONG, _WEAK)
}
