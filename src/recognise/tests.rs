//! Recognition as a whole, on invented customers and on the story of the demo.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::assess::{Class, Reference, ReferenceKind, Severity};
use crate::mention::Author as Sender;

fn contact(id: &str, name: &str) -> Contact {
    Contact { external_id: id.to_owned(), name: name.to_owned(), ..Contact::default() }
}

fn stored(contact: Contact) -> StoredContact {
    StoredContact { id: contact.external_id.clone(), contact }
}

fn assessment(references: &[(ReferenceKind, &str)]) -> Assessment {
    let references = references
        .iter()
        .map(|(kind, value)| Reference { kind: *kind, value: (*value).to_owned() })
        .collect();
    Assessment {
        relevant: true,
        brand: None,
        language: None,
        class: Class::Complaint,
        probability: 1.0,
        severity: Severity::Normal,
        topic: None,
        references,
        evidence: Vec::new(),
    }
}

fn mention(name: &str, handle: &str, text: &str) -> Mention {
    let author = Sender {
        external_id: handle.to_owned(),
        handle: Some(handle.to_owned()).filter(|handle| !handle.is_empty()),
        display_name: Some(name.to_owned()).filter(|name| !name.is_empty()),
        audience: None,
    };
    Mention::new("1", author, text)
}

/// Looks up as the store does: every contact under every key it shares with the mention.
fn recognised(
    contacts: &[Contact],
    mention: &Mention,
    network: &str,
    references: &[(ReferenceKind, &str)],
) -> Recognition {
    let assessment = assessment(references);
    let wanted = keys_of_mention(mention, network, &assessment);
    let candidates: Vec<(ContactKey, StoredContact)> = contacts
        .iter()
        .flat_map(|contact| {
            keys_of_contact(contact).into_iter().map(move |key| (key, stored(contact.clone())))
        })
        .filter(|(key, _)| wanted.contains(key))
        .collect();
    recognise(mention, network, &assessment, &candidates)
}

/// The customers of the demo.
fn story() -> Vec<Contact> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/story/contacts.csv");
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader
        .deserialize::<HashMap<String, String>>()
        .map(|row| {
            let row = row.unwrap();
            let maybe = |name: &str| Some(row[name].clone()).filter(|value| !value.is_empty());
            Contact {
                external_id: row["id"].clone(),
                name: row["name"].clone(),
                email: maybe("email"),
                phone: maybe("phone"),
                customer_number: maybe("customer_number"),
                city: maybe("city"),
                handles: row["handles"].split_whitespace().map(str::to_owned).collect(),
                customer_since: None,
            }
        })
        .collect()
}

fn who(recognition: &Recognition) -> Option<(&str, Certainty, Provenance)> {
    recognition
        .person
        .as_ref()
        .map(|person| (person.contact_id.as_str(), person.certainty, person.provenance))
}

fn listed(recognition: &Recognition) -> Vec<&str> {
    recognition.others.iter().map(|person| person.contact_id.as_str()).collect()
}

#[test]
fn exact_evidence_that_fits_one_contact_is_certain() {
    let contacts = story();
    let number = recognised(
        &contacts,
        &mention("aaltje b", "x", ""),
        "mastodon",
        &[(ReferenceKind::Customer, "40733915")],
    );
    assert_eq!(who(&number), Some(("C-1056", Certainty::Certain, Provenance::Reference)));
    let handle = recognised(&contacts, &mention("Sanne", "@SanneTB@sociaal.example", ""), "mastodon", &[]);
    assert_eq!(who(&handle), Some(("C-1007", Certainty::Certain, Provenance::Handle)));
    let email = recognised(
        &contacts,
        &mention("x", "y", ""),
        "blog",
        &[(ReferenceKind::Email, "Koen@Voorbeeld.example")],
    );
    assert_eq!(who(&email), Some(("C-1057", Certainty::Certain, Provenance::Email)));
    let phone =
        recognised(&contacts, &mention("x", "y", ""), "blog", &[(ReferenceKind::Phone, "0031600001008")]);
    assert_eq!(who(&phone), Some(("C-1008", Certainty::Certain, Provenance::Phone)));
}

#[test]
fn a_handle_on_file_counts_on_its_own_network_only() {
    let elsewhere = recognised(&story(), &mention("", "tessavo.example", ""), "mastodon", &[]);
    assert_eq!(who(&elsewhere), None);
}

#[test]
fn two_contacts_with_one_address_are_both_listed_and_neither_is_certain() {
    let shared = Some("thuis@example.nl".to_owned());
    let contacts = [
        Contact { email: shared.clone(), ..contact("1", "Jan Mol") },
        Contact { email: shared, ..contact("2", "Els Mol") },
    ];
    let found = recognised(
        &contacts,
        &mention("Jan Mol", "", ""),
        "x",
        &[(ReferenceKind::Email, "thuis@example.nl")],
    );
    assert_eq!(who(&found), None);
    assert_eq!(listed(&found), ["1", "2"]);
}

#[test]
fn an_address_of_ones_own_is_certain_beside_a_shared_phone() {
    let phone = Some("06-00 00 20 01".to_owned());
    let contacts = [
        Contact { phone: phone.clone(), email: Some("jan@example.nl".to_owned()), ..contact("1", "Jan Mol") },
        Contact { phone, ..contact("2", "Els Mol") },
    ];
    let references = [(ReferenceKind::Phone, "0600002001"), (ReferenceKind::Email, "jan@example.nl")];
    let found = recognised(&contacts, &mention("", "", ""), "x", &references);
    assert_eq!(who(&found), Some(("1", Certainty::Certain, Provenance::Email)));
    assert_eq!(who(&recognised(&contacts, &mention("", "", ""), "x", &references[..1])), None);
}

#[test]
fn contradicting_exact_evidence_is_proposed_only() {
    let contacts = story();
    let found = recognised(
        &contacts,
        &mention("Sanne", "@sannetb@sociaal.example", ""),
        "mastodon",
        &[(ReferenceKind::Customer, "40733915")],
    );
    assert_eq!(who(&found), Some(("C-1056", Certainty::Probable, Provenance::Reference)));
    assert_eq!(listed(&found), ["C-1007"]);
}

#[test]
fn the_columnist_is_found_by_his_name() {
    let contacts = story();
    for (name, handle) in [
        ("Joost van der Kwast", "@joostvdkwast@sociaal.example"),
        ("Joost van der Kwast", "joostvanderkwast.example"),
        ("", "joostvdkwast@sociaal.example"),
        ("Kwast, J. van der", ""),
    ] {
        let found = recognised(&contacts, &mention(name, handle, ""), "mastodon", &[]);
        assert_eq!(who(&found), Some(("C-1001", Certainty::Probable, Provenance::Name)), "{name} {handle}");
    }
    let found = recognised(&contacts, &mention("Joost van der Kwast", "joostvdkwast", ""), "mastodon", &[]);
    assert_eq!(
        found.person.unwrap().evidence.in_words(crate::config::Language::English),
        "name and handle 'J. van der Kwast': initial and surname agree; surname is rare; no other customer fits"
    );
}

#[test]
fn nobody_in_the_story_is_linked_wrongly() {
    let contacts = story();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/story/mentions.jsonl");
    let mut found: Vec<(String, String, Certainty)> = Vec::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let told: serde_json::Value = serde_json::from_str(line).unwrap();
        let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let (name, handle) = (word(&told["author"]["name"]), word(&told["author"]["handle"]));
        let said = mention(&name, &handle, &word(&told["text"]));
        let recognition = recognised(&contacts, &said, &word(&told["feed"]), &[]);
        found.extend(
            recognition.person.map(|person| (word(&told["id"]), person.contact_id, person.certainty)),
        );
    }
    let found: Vec<(&str, &str, Certainty)> =
        found.iter().map(|(mention, contact, certainty)| (&**mention, &**contact, *certainty)).collect();
    use Certainty::{Certain, Probable};
    assert_eq!(
        found,
        [
            ("m-006", "C-1035", Certain),
            ("m-059", "C-1045", Certain),
            ("m-067", "C-1012", Certain),
            ("m-068", "C-1029", Probable),
            ("m-070", "C-1060", Certain),
            ("m-073", "C-1034", Probable),
            ("m-085", "C-1007", Certain),
            ("m-094", "C-1001", Probable),
            ("m-097", "C-1001", Probable),
        ]
    );
}

#[test]
fn namesakes_are_listed_and_none_is_chosen() {
    let contacts =
        [contact("1", "Anna Zandvoort"), contact("2", "Anna Zandvoort"), contact("3", "Bert Zandvoort")];
    let found = recognised(&contacts, &mention("Anna Zandvoort", "", ""), "x", &[]);
    assert_eq!(who(&found), None);
    assert_eq!(listed(&found), ["1", "2"]);
}

#[test]
fn a_place_tells_namesakes_apart_and_speaks_against_a_stranger() {
    let living =
        |id: &str, city: &str| Contact { city: Some(city.to_owned()), ..contact(id, "Anna Zandvoort") };
    let contacts = [living("1", "Deventer"), living("2", "Zwolle")];
    let said = |text: &str| recognised(&contacts, &mention("Anna Zandvoort", "", text), "x", &[]);
    assert_eq!(said("Ik woon in Zwolle.").person.unwrap().contact_id, "2");
    assert_eq!(said("Ik woon in Breda.").person, None);
}

#[test]
fn what_names_nobody_gives_nothing() {
    let contacts = story();
    for (name, handle) in [
        ("Sanne", "sanne12"),
        ("Veldnet", "veldnet"),
        ("boze klant", "bozeklant"),
        ("🔥 DEALS 🔥", "deals4u_nl"),
        ("van der", "vander"),
        ("", ""),
    ] {
        assert_eq!(
            recognised(&contacts, &mention(name, handle, ""), "mastodon", &[]),
            Recognition::default(),
            "{name}"
        );
    }
}

#[test]
fn an_initial_with_a_common_surname_is_listed_only() {
    let contacts = [contact("1", "Karin de Vries")];
    let found = recognised(&contacts, &mention("K. de Vries", "", ""), "x", &[]);
    assert_eq!((who(&found), listed(&found)), (None, vec!["1"]));
}

#[test]
fn an_abbreviated_name_ranks_its_bearer_first_among_look_alikes() {
    let names = [
        "J. van 't Hek",
        "Y. van der Hek",
        "Youp Hekking",
        "Y. van 't Veld",
        "Y. van 't Hek",
        "Youri ten Hek",
        "Y. Hek",
    ];
    let contacts: Vec<Contact> =
        names.iter().enumerate().map(|(at, name)| contact(&at.to_string(), name)).collect();
    for asked in ["Youp van 't H.", "Youp van 't Hek", "van 't Hek, Youp"] {
        let keys = keys_of_name(asked);
        // As the command does: only what shares a key is ranked.
        let found: Vec<StoredContact> = contacts
            .iter()
            .filter(|contact| keys_of_contact(contact).iter().any(|key| keys.contains(key)))
            .map(|contact| stored(contact.clone()))
            .collect();
        let ranked = rank_by_name(asked, &found);
        assert_eq!(ranked[0].contact_id, "4", "{asked}");
        assert!(ranked.iter().all(|person| person.certainty == Certainty::Probable));
        assert!(ranked.windows(2).all(|pair| pair[0].probability > pair[1].probability), "{asked}");
    }
}

#[test]
fn a_surname_alone_can_be_looked_up() {
    let all: Vec<StoredContact> = story().into_iter().map(stored).collect();
    let ids: Vec<String> =
        rank_by_name("Terpstra", &all).into_iter().map(|person| person.contact_id).collect();
    assert_eq!(ids, ["C-1013", "C-1014"]);
    assert!(!keys_of_name("Terpstra").is_empty());
}

#[test]
fn name_keys_of_a_contact_are_bounded() {
    let long = Contact {
        handles: (0..1000).map(|at| format!("mastodon:@a{at}@sociaal.example")).collect(),
        ..contact("1", "Bert-Jan Willem van der Ploeg-ten Cate-op den Kamp de Groot van 't Hof")
    };
    assert!(keys_of_contact(&long).len() <= HANDLES_MAX + keys::KEYS_OF_CONTACT_MAX);
}

proptest! {
    #[test]
    fn any_author_against_any_contact_is_judged_the_same_twice(
        shown in "\\PC{0,60}|[A-Z][a-z]{1,8} (van |de )?[A-Z][a-z]{1,8}",
        handle in "\\PC{0,40}|[a-z_.]{0,40}",
        text in "\\PC{0,200}",
        name in "\\PC{0,60}|[A-Z][a-z]{1,8} (van |de )?[A-Z][a-z]{1,8}",
        city in "\\PC{0,20}",
    ) {
        let contacts = [Contact { city: Some(city), ..contact("1", &name) }, contact("2", &shown)];
        let said = mention(&shown, &handle, &text);
        let all: Vec<(ContactKey, StoredContact)> = contacts
            .iter()
            .flat_map(|one| keys_of_contact(one).into_iter().map(|key| (key, stored(one.clone()))))
            .collect();
        let once = recognise(&said, "x", &assessment(&[]), &all);
        prop_assert_eq!(&once, &recognise(&said, "x", &assessment(&[]), &all));
        prop_assert!(once.person.iter().chain(&once.others).all(|p| p.certainty == Certainty::Probable));
        prop_assert!(once.others.len() <= OTHERS_MAX);
        prop_assert_eq!(keys_of_mention(&said, "x", &assessment(&[])), keys_of_mention(&said, "x", &assessment(&[])));
    }

    #[test]
    fn a_contact_is_looked_up_by_its_own_name(
        given in "[A-Z][a-zé]{0,9}\\.?",
        particle in "( van der| van 't| de| ten)?",
        surname in "[A-Z][a-zü]{1,12}(-[A-Z][a-z]{1,9})?",
    ) {
        let name = format!("{given}{particle} {surname}");
        // A title or a word like "klant" is no name.
        prop_assume!(Name::parse(&name).is_some_and(|name| !name.surname.is_empty()));
        let kept = keys_of_contact(&contact("1", &name));
        prop_assert!(keys_of_name(&name).iter().any(|key| kept.contains(key)), "{}", name);
        let ranked = rank_by_name(&name, &[stored(contact("1", &name))]);
        prop_assert_eq!(ranked.len(), 1);
    }
}
