//! Is it about one of our brands? A bare keyword is not enough, and a homonym is not us.
//!
//! Names are looked for as whole words, at the start of a hashtag or addressed account, and in host names. How much a hit
//! proves depends on where it stands: see [`Strength`].

use aho_corasick::AhoCorasick;
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::LazyLock;

use super::Brand;
use super::lexicon;
use super::reading::{Reading, Token, TokenKind};
use super::words::fold_word;

/// A name as short as this gets no Dutch genitive: "KPNs" exists, "Xs" is another word.
const GENITIVE_LETTERS_MIN: usize = 3;

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| {
    toml::from_str(include_str!("../../config/lexicon/grammar.toml")).expect("a test reads the shipped list")
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grammar {
    articles: HashSet<String>,
    after_a_thing: HashSet<String>,
}

/// Finds brands in texts.
#[derive(Debug)]
pub(super) struct Relevance {
    brands: Vec<String>,
    automaton: AhoCorasick,
    roles: Vec<(usize, Role)>,
    /// Names in one piece, for hashtags, accounts and hosts.
    joined: Vec<(usize, String, Role)>,
}

/// What a listed word says about its brand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Term,
    Ambiguous,
    Product,
    Context,
    Not,
}

/// How much the hits of a brand prove together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    /// Nothing, or an ambiguous word without context.
    None,
    /// The name alone: a `not` word or the use as a thing takes it away.
    Weak,
    /// The account is addressed, or name and product or ambiguous word and context stand together.
    Strong,
}

/// The brand that a text is about, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// Name of the brand.
    pub brand: String,
    /// In words.
    pub evidence: String,
}

/// Everything that was found of one brand.
#[derive(Clone, Debug, Default)]
struct Hits {
    term: Option<String>,
    ambiguous: Option<String>,
    product: Option<String>,
    context: Option<String>,
    not: Option<String>,
    account: Option<String>,
    as_a_thing: bool,
}

impl Relevance {
    /// Prepares the names of all brands.
    ///
    /// # Errors
    /// When the lists are too large to prepare.
    pub fn new(brands: &[Brand]) -> Result<Relevance, String> {
        let mut patterns = Vec::new();
        let mut roles = Vec::new();
        let mut joined = Vec::new();
        for (index, brand) in brands.iter().enumerate() {
            for (words, role) in [
                (&brand.terms, Role::Term),
                (&brand.ambiguous, Role::Ambiguous),
                (&brand.products, Role::Product),
                (&brand.context, Role::Context),
                (&brand.not, Role::Not),
            ] {
                for word in words {
                    for pattern in spellings(word, role) {
                        patterns.push(pattern);
                        roles.push((index, role));
                    }
                    let whole = one_piece(word);
                    if !whole.is_empty() && matches!(role, Role::Term | Role::Ambiguous) {
                        joined.push((index, whole, role));
                    }
                }
            }
        }
        let automaton = AhoCorasick::new(&patterns).map_err(|error| format!("brands: {error}"))?;
        Ok(Relevance {
            brands: brands.iter().map(|brand| brand.name.clone()).collect(),
            automaton,
            roles,
            joined,
        })
    }

    /// The brand that a text is about, the best proven first; `None` when it is about none.
    pub fn about(&self, reading: &Reading) -> Option<About> {
        let mut hits = vec![Hits::default(); self.brands.len()];
        self.find_words(reading, &mut hits);
        self.find_joined(reading, &mut hits);
        let (index, strength) = hits
            .iter()
            .enumerate()
            .map(|(index, hit)| (index, hit.strength()))
            .rev()
            .max_by_key(|(_, strength)| *strength)?;
        (strength > Strength::None)
            .then(|| About { brand: self.brands[index].clone(), evidence: hits[index].evidence() })
    }

    /// The brand whose name an account carries: one of our own speaks, or somebody who wants us to think so.
    pub fn of_account(&self, handle: &str) -> Option<&str> {
        let local = fold_word(handle.trim_start_matches('@').split('@').next().unwrap_or(""));
        let local = local.split('.').next().unwrap_or("");
        let (index, ..) = self.joined.iter().find(|(_, name, role)| *role == Role::Term && name == local)?;
        Some(&self.brands[*index])
    }

    fn find_words(&self, reading: &Reading, hits: &mut [Hits]) {
        if reading.tokens.is_empty() || self.roles.is_empty() {
            return;
        }
        for found in self.automaton.find_overlapping_iter(&reading.plain) {
            let (brand, role) = self.roles[found.pattern().as_usize()];
            let first = reading.token_at_plain(found.start() + 1);
            let last = reading.token_at_plain(found.end().saturating_sub(2));
            let hit = &mut hits[brand];
            if matches!(role, Role::Term | Role::Ambiguous) && is_used_as_a_thing(reading, first, last) {
                hit.as_a_thing = true;
            }
            let place = match role {
                Role::Term => &mut hit.term,
                Role::Ambiguous => &mut hit.ambiguous,
                Role::Product => &mut hit.product,
                Role::Context => &mut hit.context,
                Role::Not => &mut hit.not,
            };
            place.get_or_insert_with(|| shown(reading, first, last));
        }
    }

    fn find_joined(&self, reading: &Reading, hits: &mut [Hits]) {
        for (brand, name, role) in &self.joined {
            let hit = &mut hits[*brand];
            // An ambiguous name must be the whole tag: #applepie is not the company.
            let fits = |whole: &String| match role {
                Role::Term => whole.starts_with(name.as_str()),
                _ => whole == name,
            };
            if let Some(tag) = reading.tags.iter().find(|tag| fits(tag)) {
                let place = if *role == Role::Term { &mut hit.term } else { &mut hit.ambiguous };
                place.get_or_insert_with(|| format!("#{tag}"));
            }
            if let Some(handle) = reading.handles.iter().find(|handle| fits(handle)) {
                hit.account.get_or_insert_with(|| format!("@{handle}"));
            }
            let in_host = |host: &&String| *role == Role::Term && host.split('.').any(|label| label == name);
            if let Some(host) = reading.hosts.iter().find(in_host) {
                hit.term.get_or_insert_with(|| format!("link to {host}"));
            }
        }
    }
}

impl Hits {
    fn strength(&self) -> Strength {
        let named = self.term.is_some() && !self.as_a_thing;
        let confirmed = self.context.is_some() || (self.product.is_some() && self.term.is_some());
        let hinted = self.term.is_some() || self.ambiguous.is_some() || self.product.is_some();
        let proven = self.not.is_none() && confirmed && hinted;
        if self.account.is_some() || proven || (named && self.product.is_some()) {
            Strength::Strong
        } else if named && self.not.is_none() {
            Strength::Weak
        } else {
            Strength::None
        }
    }

    fn evidence(&self) -> String {
        let named = [&self.account, &self.term, &self.product, &self.ambiguous].into_iter().flatten().next();
        let named = named.map_or("", String::as_str);
        match self.context.as_ref().filter(|_| self.account.is_none() && self.term.is_none()) {
            Some(context) => format!("about us: {named}, beside {context}"),
            None => format!("about us: {named}"),
        }
    }
}

/// The patterns under which a listed word is found: as it is, and a name also in the Dutch genitive without apostrophe.
fn spellings(word: &str, role: Role) -> Vec<String> {
    let plain = Reading::of(word).plain;
    let bare = plain.trim();
    if bare.is_empty() {
        return Vec::new();
    }
    let mut spellings = vec![format!(" {bare} ")];
    let is_name = matches!(role, Role::Term | Role::Ambiguous);
    if is_name && bare.len() >= GENITIVE_LETTERS_MIN && bare.chars().all(char::is_alphabetic) {
        spellings.push(format!(" {bare}s "));
    }
    // Words of the context are listed once and meant in every form; only long ones are safe to leave open.
    if matches!(role, Role::Context | Role::Not) && word.trim().ends_with('*') {
        let open = lexicon::pattern(word);
        spellings = if open.trim().is_empty() { Vec::new() } else { vec![open] };
    }
    spellings
}

fn one_piece(word: &str) -> String {
    Reading::of(word).plain.chars().filter(|c| c.is_alphanumeric()).collect()
}

fn shown(reading: &Reading, first: usize, last: usize) -> String {
    let words = reading.words(first, last);
    let is_tag = reading.tokens.get(first).is_some_and(|token| token.kind == TokenKind::Tag);
    if is_tag { format!("#{words}") } else { words.to_owned() }
}

/// "Een veldnet over": an article before it, no capital, and no second half of a compound behind it.
fn is_used_as_a_thing(reading: &Reading, first: usize, last: usize) -> bool {
    let token = |index: usize| reading.tokens.get(index).copied();
    let is_word = |token: Token| token.kind == TokenKind::Word;
    let Some(before) = first.checked_sub(1).and_then(token).filter(|t| is_word(*t)) else { return false };
    let plain_word = token(first).is_some_and(|t| is_word(t) && !t.capital && t.clause == before.clause);
    if !plain_word || !GRAMMAR.articles.contains(reading.words(first - 1, first - 1)) {
        return false;
    }
    match token(last + 1) {
        Some(after) if is_word(after) && after.clause == before.clause => {
            let word = reading.words(last + 1, last + 1);
            GRAMMAR.after_a_thing.contains(word) || is_participle(word)
        }
        _ => true,
    }
}

/// "opgezet", "gespannen": Dutch puts them behind the thing.
fn is_participle(word: &str) -> bool {
    let stem = ["op", "af", "aan", "uit", "in", "neer", "mee", ""]
        .iter()
        .find_map(|prefix| word.strip_prefix(prefix)?.strip_prefix("ge"));
    stem.is_some_and(|stem| stem.len() > 2 && stem.ends_with(['d', 't', 'n']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brand() -> Brand {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        Brand {
            name: "Veldnet".into(),
            terms: words(&["Veldnet", "Véldnet Glas"]),
            ambiguous: words(&["VN"]),
            context: words(&["internet", "glasvezel*"]),
            not: words(&["merels", "Zuiderkabel"]),
            products: words(&["Veldbox"]),
        }
    }

    #[test]
    fn names_are_found_as_words_tags_accounts_and_hosts() {
        let relevance = Relevance::new(&[brand()]).unwrap();
        for (text, expected) in [
            ("Storing bij VELDNET!", true),
            ("veldnet's app", true),
            ("Veldnets monteur", true),
            ("alles over #VeldnetStoring", true),
            ("#veldnetstoring alweer", true),
            ("@veldnet_support help", true),
            ("@veldnet@sociaal.example help", true),
            ("zie https://www.veldnet.example/storing", true),
            ("zie https://veldnet-betaling.example/x", false),
            ("onveldnetachtig", false),
            ("storing, alles down", false),
            ("VN doet niks", false),
            ("VN: weer geen internet", true),
            ("VN en glasvezelstoring", true),
            ("#vn", false),
            ("@vn help", true),
            ("#vnx internet", false),
            ("Mijn Veldbox knippert", false),
            ("Mijn Veldbox geeft geen internet", true),
            ("\u{212A}eldnet", false),
        ] {
            assert_eq!(relevance.about(&Reading::of(text)).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn a_homonym_is_not_us() {
        let relevance = Relevance::new(&[brand()]).unwrap();
        for (text, expected) in [
            ("Span een veldnet over de kersen #veldnet", false),
            ("Vandaag het veldnet opgezet in het weiland", false),
            ("Wie heeft er een veldnet?", false),
            ("Een Veldnet monteur kwam langs", true),
            ("het veldnet kastje knippert", true),
            ("Een veldnet aansluiten: geen internet", true),
            ("#veldnet tegen de merels", false),
            ("Zuiderkabel ligt eruit, dan maar naar #veldnet", false),
            ("@veldnet is dit door Zuiderkabel?", true),
            ("Van Zuiderkabel naar Veldnet: nieuwe Veldbox kapot", true),
        ] {
            assert_eq!(relevance.about(&Reading::of(text)).is_some(), expected, "{text}");
        }
    }

    #[test]
    fn without_brands_nothing_is_about_us_and_odd_words_do_no_harm() {
        assert_eq!(Relevance::new(&[]).unwrap().about(&Reading::of("veldnet")), None);
        let odd = Brand { terms: vec!["".into(), "*".into(), " . ".into()], ..brand() };
        let relevance = Relevance::new(&[odd]).unwrap();
        assert_eq!(relevance.about(&Reading::of("niets * hier...")), None);
    }

    #[test]
    fn an_account_that_carries_the_name_is_known() {
        let relevance = Relevance::new(&[brand()]).unwrap();
        assert_eq!(relevance.of_account("@veldnet@sociaal.example"), Some("Veldnet"));
        assert_eq!(relevance.of_account("veldnet_fan"), None);
    }
}
