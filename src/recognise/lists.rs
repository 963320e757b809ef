//! What we know by heart about names: particles, forms of address, common surnames. Our own knowledge,
//! folded as [`crate::text::fold`] folds; every list is short on purpose, because a wrong entry links wrong people.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::names::sound;

/// Words that stand before a surname and belong to it. Apostrophes are left out: `'t` is `t`.
pub(super) const PARTICLES: &[&str] = &[
    "van", "de", "den", "der", "het", "t", "s", "ten", "ter", "te", "op", "in", "uit", "aan", "bij", "onder",
    "over", "tot", "voor", "von", "vom", "zu", "zum", "zur", "el", "al", "ben", "bin", "ait", "ould", "da",
    "das", "do", "dos", "di", "del", "della", "du", "des", "la", "le", "las", "los", "v", "d", "vd", "vdr",
    "vh", "vt",
];

/// Particles that are given names too: the first word of a name is not read as one of these.
pub(super) const PARTICLES_OR_GIVEN: &[&str] =
    &["el", "al", "ben", "bin", "da", "di", "du", "la", "le", "ait", "t", "s", "v", "d", "vd", "des", "do"];

/// Particles as handles run them together, the longest first, with the words they stand for.
pub(super) const JOINED_PARTICLES: &[&str] = &[
    "vander", "vanden", "vande", "vant", "vanhet", "opde", "opden", "inde", "int", "uitden", "van", "vdr",
    "vd", "vt", "von", "den", "der", "ten", "ter", "dela", "de", "te", "el", "al", "du", "la", "le", "v",
    "d",
];

/// Forms of address, degrees and family words: no part of the name.
pub(super) const TITLES: &[&str] = &[
    "dhr", "mevr", "mevrouw", "mw", "mvr", "meneer", "heer", "mr", "mrs", "ms", "miss", "sir", "dr", "drs",
    "ir", "ing", "prof", "bc", "ds", "fam", "familie", "jr", "sr", "phd", "msc", "bsc", "llm", "mba", "ma",
    "ba", "ii", "iii", "juf", "meester", "opa", "oma", "tante", "oom",
];

/// A name with one of these in it names no single person.
pub(super) const NOT_A_PERSON: &[&str] = &[
    "klant",
    "klanten",
    "gast",
    "anoniem",
    "anonymous",
    "gebruiker",
    "user",
    "customer",
    "guest",
    "reviewer",
    "lezer",
    "een",
    "the",
    "en",
    "and",
    "bv",
    "nv",
    "vof",
    "ltd",
    "inc",
    "stichting",
    "vereniging",
    "redactie",
    "nieuws",
    "news",
    "team",
    "helpdesk",
    "support",
    "webcare",
    "klantenservice",
    "deals",
    "vacatures",
    "official",
];

/// What people hang on the front of a handle.
pub(super) const HANDLE_PREFIXES: &[&str] = &[
    "the",
    "real",
    "echte",
    "ikben",
    "iam",
    "its",
    "mr",
    "mrs",
    "dr",
    "rep",
    "senator",
    "sen",
    "congressman",
    "congresswoman",
    "judge",
];

/// What people hang on the end of a handle.
pub(super) const HANDLE_SUFFIXES: &[&str] =
    &["official", "nl", "nederland", "zelf", "prive", "real", "press", "tweets", "music", "dev", "tv", "be"];

/// The surnames that many share in the Netherlands and Flanders, without particles: agreement on them says little.
pub(super) const COMMON_SURNAMES: &[&str] = &[
    "jong",
    "jansen",
    "vries",
    "berg",
    "bakker",
    "dijk",
    "visser",
    "janssen",
    "smit",
    "meijer",
    "boer",
    "mulder",
    "groot",
    "bos",
    "vos",
    "peters",
    "hendriks",
    "leeuwen",
    "dekker",
    "brouwer",
    "wit",
    "dijkstra",
    "smits",
    "graaf",
    "meer",
    "linden",
    "kok",
    "jacobs",
    "haan",
    "vermeulen",
    "heuvel",
    "veen",
    "broek",
    "bruijn",
    "bruin",
    "heijden",
    "schouten",
    "beek",
    "willems",
    "vliet",
    "ven",
    "hoekstra",
    "maas",
    "verhoeven",
    "koster",
    "dam",
    "wal",
    "prins",
    "blom",
    "huisman",
    "peeters",
    "kuipers",
    "veenstra",
    "kramer",
    "brink",
    "maes",
    "claes",
    "wouters",
    "goossens",
    "yilmaz",
    "kaya",
    "nguyen",
    "ali",
    "singh",
    "smith",
    "jones",
    "brown",
    "taylor",
    "williams",
    "johnson",
];

/// The surname by sound is one that many share.
pub(super) fn sounds_common(sounded: &str) -> bool {
    static SOUNDS: LazyLock<HashSet<String>> =
        LazyLock::new(|| COMMON_SURNAMES.iter().map(|surname| sound(surname)).collect());
    SOUNDS.contains(sounded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fold;

    #[test]
    fn every_entry_is_folded() {
        let lists = [
            PARTICLES,
            PARTICLES_OR_GIVEN,
            JOINED_PARTICLES,
            TITLES,
            NOT_A_PERSON,
            HANDLE_PREFIXES,
            HANDLE_SUFFIXES,
            COMMON_SURNAMES,
        ];
        assert!(lists.into_iter().flatten().all(|word| fold(word) == *word));
    }
}
