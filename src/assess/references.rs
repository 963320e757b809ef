//! Exact identifiers in a text: ticket, order, parcel and customer numbers, mail addresses, phone numbers.
//!
//! Formats are regular expressions from the settings; a kind that has none there keeps our default. The engine runs in
//! linear time, and a pattern that would need too much memory is refused when the settings are read.

use regex::{Regex, RegexBuilder};

use super::{Reference, ReferenceFormat, ReferenceKind};

/// A compiled pattern may take this much memory.
const PATTERN_BYTES_MAX: usize = 512 * 1024;
/// Numbers are looked for in the first part of a text only.
const SEARCHED_BYTES_MAX: usize = 16 * 1024;
/// More identifiers than this are a list, not a reference.
const REFERENCES_MAX: usize = 12;
/// The longest identifier.
const VALUE_BYTES_MAX: usize = 254;

/// Finds identifiers.
#[derive(Debug)]
pub(super) struct References {
    formats: Vec<Format>,
}

#[derive(Debug)]
struct Format {
    kind: ReferenceKind,
    regex: Regex,
    /// One of ours, for which we know more than a pattern can say.
    ours: bool,
}

const TICKET_WORDS: &str =
    "(?:ticket|zaak|case|dossier|melding|incident|referentie|reference|kenmerk|aanvraag)";
const NUMBER_WORDS: &str =
    r"(?:\s?(?:nummer|nr|number|no|id|ref)\b\.?)?(?:\s(?:is|was|van|met))?[\s:=#-]{0,4}";
const CUSTOMER_WORDS: &str = r"(?:klant|relatie|customer|account|client)\s?-?(?:nummer|nr|number|no|id)\b\.?";

/// Our own formats, for kinds that the settings do not mention.
fn defaults() -> Vec<(ReferenceKind, String)> {
    use ReferenceKind::{Customer, Email, Order, Parcel, Phone, Ticket};
    vec![
        (
            Ticket,
            format!(r"(?i)\b{TICKET_WORDS}s?{NUMBER_WORDS}\b([A-Z]{{0,4}}-?\d{{4,12}}(?:-\d{{2,8}})?)\b"),
        ),
        (Ticket, format!(r"(?i)\b{TICKET_WORDS}s?\b[^#\n]{{0,40}}#(\d{{5,12}})\b")),
        (
            Order,
            format!(
                r"(?i)\b(?:order|bestelling|bestel|purchase){NUMBER_WORDS}\b([A-Z]{{0,4}}-?\d{{4,16}})\b"
            ),
        ),
        (Parcel, r"(?i)\b(3S[A-Z0-9]{9,15})\b".to_owned()),
        (
            Parcel,
            format!(
                r"(?i)\b(?:track(?:ing|\s?(?:&|and|en)\s?trace)?|barcode|zending|pakket|parcel|shipment){NUMBER_WORDS}\b([A-Z]{{2,4}}\d{{8,20}}[A-Z]{{0,2}})\b"
            ),
        ),
        (Customer, format!(r"(?i)\b{CUSTOMER_WORDS}[^\d\n]{{0,15}}\b(\d{{4}}[ .-]?\d{{4}})\b")),
        (Customer, format!(r"(?i)\b(\d{{4}}[ .-]?\d{{4}})\b[^\d\n]{{0,25}}\b{CUSTOMER_WORDS}")),
        (
            Email,
            r"(?i)[A-Z0-9._%+-]{1,64}@[A-Z0-9-]{1,63}(?:\.[A-Z0-9-]{1,63}){0,4}\.[A-Z]{2,24}\b".to_owned(),
        ),
        (Phone, r"(?:(?:\+|\b00)31[ .-]?(?:\(0\)[ .-]?)?|\(?\b0)[1-9](?:[ .()-]{0,2}\d){8}\b".to_owned()),
    ]
}

impl References {
    /// Compiles the formats of the settings, and ours for the kinds they leave out.
    ///
    /// # Errors
    /// One message for each pattern that does not compile, with its place.
    pub fn new(configured: &[ReferenceFormat]) -> Result<References, Vec<String>> {
        let mut formats = Vec::new();
        let mut errors = Vec::new();
        for (index, format) in configured.iter().enumerate() {
            match compile(&format.pattern) {
                Ok(regex) => formats.push(Format { kind: format.kind, regex, ours: false }),
                Err(reason) => errors.push(format!("reference[{index}].pattern: {reason}")),
            }
        }
        for (kind, pattern) in defaults() {
            if configured.iter().any(|format| format.kind == kind) {
                continue;
            }
            let regex = compile(&pattern).expect("a test compiles our own patterns");
            formats.push(Format { kind, regex, ours: true });
        }
        if errors.is_empty() { Ok(References { formats }) } else { Err(errors) }
    }

    /// Every identifier in a text, each once. `attached` is what the source itself attaches.
    pub fn find(&self, text: &str, attached: Option<&str>) -> Vec<Reference> {
        let mut references = Vec::new();
        if let Some(value) = attached.map(str::trim).filter(|value| !value.is_empty()) {
            let kind = self.kind_of(value).unwrap_or(ReferenceKind::Order);
            push(&mut references, Reference { kind, value: as_written_in_registers(kind, value) });
        }
        let text = &text[..text.floor_char_boundary(SEARCHED_BYTES_MAX)];
        let holds_number = text.bytes().any(|byte| byte.is_ascii_digit());
        let holds_address = text.contains('@');
        for format in &self.formats {
            let possible = if format.kind == ReferenceKind::Email { holds_address } else { holds_number };
            if format.ours && !possible {
                continue;
            }
            for found in format.regex.captures_iter(text).take(REFERENCES_MAX) {
                let Some(place) = found.get(1).or_else(|| found.get(0)) else { continue };
                if format.ours && !is_plausible(format.kind, text, place.start(), place.as_str()) {
                    continue;
                }
                let value = as_written_in_registers(format.kind, place.as_str());
                push(&mut references, Reference { kind: format.kind, value });
            }
        }
        references
    }

    /// The kind whose format an attached value fits as a whole.
    fn kind_of(&self, value: &str) -> Option<ReferenceKind> {
        let whole = |format: &&Format| {
            format.regex.captures(value).is_some_and(|found| {
                found.get(1).or_else(|| found.get(0)).is_some_and(|place| place.as_str().len() == value.len())
            })
        };
        self.formats.iter().find(whole).map(|format| format.kind)
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let regex = RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(2 * PATTERN_BYTES_MAX)
        .nest_limit(50)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the pattern is too large; repeat fewer times".to_owned(),
            other => other.to_string().lines().last().unwrap_or("").trim().to_owned(),
        })?;
    if regex.is_match("") {
        return Err("the pattern also fits an empty text".to_owned());
    }
    Ok(regex)
}

fn push(references: &mut Vec<Reference>, reference: Reference) {
    let fits = !reference.value.is_empty() && reference.value.len() <= VALUE_BYTES_MAX;
    if fits && references.len() < REFERENCES_MAX && !references.contains(&reference) {
        references.push(reference);
    }
}

/// What our own patterns cannot say by themselves.
fn is_plausible(kind: ReferenceKind, text: &str, start: usize, value: &str) -> bool {
    let before = text[..start].chars().next_back();
    match kind {
        // "in case 2026" is a year; "case #2026" would be a number.
        ReferenceKind::Ticket | ReferenceKind::Order => {
            let year = value.len() == 4 && (value.starts_with("19") || value.starts_with("20"));
            !year || before == Some('#')
        }
        // "@veldnet@sociaal.example" is an account of the fediverse.
        ReferenceKind::Email => {
            before != Some('@') && !value.starts_with(['.', '-', '%', '+']) && before != Some('/')
        }
        ReferenceKind::Phone => {
            let attached = |c: char| c.is_alphanumeric() || matches!(c, '#' | '-' | '.' | ',');
            !before.is_some_and(attached)
        }
        ReferenceKind::Customer | ReferenceKind::Parcel => true,
    }
}

/// Registers write numbers without spaces, codes in capitals, addresses in lower case.
fn as_written_in_registers(kind: ReferenceKind, value: &str) -> String {
    match kind {
        ReferenceKind::Email => value.to_lowercase(),
        ReferenceKind::Phone => {
            let digits: String = value.replace("(0)", "").chars().filter(char::is_ascii_digit).collect();
            if value.starts_with('+') { format!("+{digits}") } else { digits }
        }
        ReferenceKind::Customer if value.chars().all(|c| c.is_ascii_digit() || " .-".contains(c)) => {
            value.chars().filter(char::is_ascii_digit).collect()
        }
        ReferenceKind::Parcel => value.trim().to_uppercase(),
        ReferenceKind::Customer | ReferenceKind::Ticket | ReferenceKind::Order => value.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::ReferenceKind::{Customer, Email, Order, Parcel, Phone, Ticket};
    use super::*;

    fn found(text: &str) -> Vec<(ReferenceKind, String)> {
        let references = References::new(&[]).unwrap();
        references.find(text, None).into_iter().map(|r| (r.kind, r.value)).collect()
    }

    #[test]
    fn our_formats_find_what_people_write() {
        for (text, kind, value) in [
            ("Het gaat om ticket 18254.", Ticket, "18254"),
            ("Zaaknummer: 20881, graag reactie", Ticket, "20881"),
            ("my case number is 99120", Ticket, "99120"),
            ("ticket nog steeds open (#18254)", Ticket, "18254"),
            ("TICKET#18254", Ticket, "18254"),
            ("dossier INC-004512", Ticket, "INC-004512"),
            ("Incident: 150202-000419", Ticket, "150202-000419"),
            ("bestelnummer 7719203 niet geleverd", Order, "7719203"),
            ("Order WEB-55120 missing", Order, "WEB-55120"),
            ("track en trace 3sabcd123456789", Parcel, "3SABCD123456789"),
            ("Tracking VB00418832 says delivered", Parcel, "VB00418832"),
            ("mijn klantnummer is 40733915 en", Customer, "40733915"),
            ("klantnr 4073 3915", Customer, "40733915"),
            ("40733915 (klantnr)", Customer, "40733915"),
            ("customer number: 40733915", Customer, "40733915"),
            ("mail naar J.Jansen@Example.org graag", Email, "j.jansen@example.org"),
            ("bel 06-1234 5678", Phone, "0612345678"),
            ("bel +31 (0)6 12 34 56 78", Phone, "+31612345678"),
            ("tel. 0570-123456", Phone, "0570123456"),
            ("bel (0570) 123 456 na zessen", Phone, "0570123456"),
        ] {
            assert_eq!(found(text), [(kind, value.to_owned())], "{text}");
        }
    }

    #[test]
    fn other_numbers_are_not_references() {
        for text in [
            "just in case 2026 brings more",
            "40733915 mensen",
            "@veldnet@sociaal.example help",
            "€ 1.234,56 voor 12345 meter",
            "om 17.00 uur op 20-11-2026",
            "IBAN NL00TEST0123456789",
            "een melding, 3 dagen geleden",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn what_the_source_attaches_comes_first() {
        let references = References::new(&[]).unwrap();
        for (attached, kind) in [("A-1009", Order), ("3SABCD123456789", Parcel), ("a@b.example", Email)] {
            assert_eq!(references.find("", Some(attached))[0].kind, kind, "{attached}");
        }
    }

    #[test]
    fn configured_formats_replace_ours_of_the_same_kind() {
        let format = ReferenceFormat { kind: Ticket, pattern: r"\bVN-(\d{3})\b".into() };
        let references = References::new(&[format]).unwrap();
        let found = references.find("VN-123, ticket 18254, a@b.example", None);
        assert_eq!(
            found,
            [
                Reference { kind: Ticket, value: "123".into() },
                Reference { kind: Email, value: "a@b.example".into() }
            ]
        );
    }

    #[test]
    fn every_bad_pattern_is_reported_with_its_place() {
        let format = |pattern: &str| ReferenceFormat { kind: Order, pattern: pattern.into() };
        let errors =
            References::new(&[format("("), format(r"\d+"), format(r"(\w{1000}){1000}"), format("x*")])
                .unwrap_err();
        let places: Vec<&str> = errors.iter().map(|e| e.split(": ").next().unwrap()).collect();
        assert_eq!(places, ["reference[0].pattern", "reference[2].pattern", "reference[3].pattern"]);
    }
}
