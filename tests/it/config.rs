//! The configuration as an operator meets it: the example is complete and right, and every mistake is told with its place
//! and what to do, all at once, without a secret in it.

use std::collections::BTreeSet;

use gehoord::config::Config;

const EXAMPLE: &str = include_str!("../../config/example.toml");
/// A key that no section has.
const BOGUS: &str = "zzz_bogus";
/// Stands for a secret that must not be seen again.
const SECRET: &str = "geheim-1234";
/// How deep sections are looked into for options.
const DEPTH_MAX: usize = 3;

/// One mistake for each file in `tests/fixtures/config`: where it is, and a part of what to do.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("bad_listen", "web.listen", "127.0.0.1:8470"),
    ("bad_reference_pattern", "reference[0].pattern", "correct it"),
    ("brand_missing", "brand", "name at least one [[brand]]"),
    ("brand_without_terms", "brand \"Veldnet\".terms", "write how people call it"),
    ("double_bracket_section", "web", "write it as [web], with one bracket"),
    ("empty_secret_file", "web.token", "empty.secret is empty; put the secret in"),
    ("folder_missing", "crm \"export\".folder", "name the folder"),
    ("kind_missing", "source \"nieuws\".kind", "one of rss, mastodon"),
    ("listen_beyond_loopback_without_token", "web.listen", "needs web.token"),
    ("missing_secret", "crm \"desk\".api_token", "make one in Admin Center"),
    ("missing_secret_file", "web.token", "no-such-file.secret cannot be read"),
    ("missing_secret_variable", "web.token", "GEHOORD_TEST_NO_SUCH_VARIABLE is not set; set it"),
    ("mode_in_a_section", "web.mode", "belongs at the top of the file"),
    ("no_lawful_basis", "source \"nieuws\".lawful_basis", "legitimate interest"),
    ("no_purpose", "source \"nieuws\".purpose", "say what you read it for"),
    ("no_rule", "rule", "add one with notify"),
    ("noreply_sender", "receiver \"webcare\".from", "one that people can answer to"),
    ("not_toml", "line 3", "compare it with config/example.toml"),
    ("rule_about_unknown_topic", "rule \"everything\".topics", "config/topics.toml"),
    ("rule_ends_at_people_who_cannot_resolve", "rule \"everything\".notify", "may_resolve = true"),
    ("rule_to_nobody", "rule \"everything\".notify", "name at least one receiver"),
    ("rule_to_unknown_receiver", "rule \"everything\".notify", "did you mean \"webcare\"?"),
    ("secret_in_a_list", "web.token", "a secret is \"text\""),
    ("secret_where_a_list_belongs", "source \"bridge\".secrets", "write a list"),
    ("single_bracket_section", "source", "[[source]], with two brackets"),
    ("source_of_unknown_brand", "source \"nieuws\".brand", "did you mean \"Veldnet\"?"),
    ("tickets_in_a_register_that_is_only_read", "policy.open_tickets_in", "name one that can be written to"),
    ("tickets_in_an_ambiguous_place", "policy.open_tickets_in", "archive, desk; say in which"),
    ("tickets_in_an_unknown_crm", "policy.open_tickets_in", "did you mean \"desk\"?"),
    ("tickets_in_no_crm_at_all", "policy.open_tickets", "write \"never\""),
    ("topics_missing", "topics", "copy config/topics.toml there"),
    ("topics_with_an_id_twice", "topics", "twice.topics: topic[1].id: two topics are called \"lift\""),
    ("two_sources_with_one_name", "source \"nieuws\".name", "change one of them"),
    ("unknown_key", "web.listn", "did you mean \"listen\"?"),
    ("unknown_key_in_a_source", "source \"nieuws\".intervall_secs", "did you mean \"interval_secs\"?"),
    ("unknown_section", "databse", "did you mean \"database\"?"),
    ("wrong_choice", "policy.open_tickets", "did you mean \"urgent\"?"),
    ("wrong_database", "database.url", "write sqlite://FILE or postgres://"),
    ("wrong_kind", "source \"nieuws\".kind", "did you mean \"rss\"?"),
    ("wrong_type", "policy.high_exposure", "write a whole number"),
];

fn errors_of(text: &str) -> Vec<String> {
    Config::parse(text, std::iter::empty()).err().map_or(Vec::new(), |errors| errors.0)
}

fn fixture(name: &str) -> String {
    let path = format!("{}/tests/fixtures/config/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The example with lines that begin with `mark` and an option laid open.
fn uncommented(text: &str, mark: &str) -> String {
    let lay_open = |line: &str| match line.strip_prefix(mark) {
        Some(option) if is_option(option) => option.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(lay_open).collect::<Vec<_>>().join("\n")
}

fn is_option(line: &str) -> bool {
    line.split_once(" = ")
        .is_some_and(|(key, _)| !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
}

#[test]
fn the_example_is_right_as_it_stands() {
    assert_eq!(errors_of(EXAMPLE), Vec::<String>::new());
}

#[test]
fn every_ready_made_source_is_right_once_it_is_copied() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/examples");
    let around = r#"
[[brand]]
name = "Veldnet"
terms = ["veldnet"]
[[receiver]]
name = "webcare"
kind = "log"
may_resolve = true
[[rule]]
name = "everything"
notify = ["webcare"]
"#;
    let mut files = 0;
    for file in std::fs::read_dir(folder).expect("the folder of examples").flatten() {
        let text = std::fs::read_to_string(file.path()).expect("an example is text");
        assert_eq!(errors_of(&format!("{text}\n{around}")), Vec::<String>::new(), "{:?}", file.file_name());
        files += 1;
    }
    assert!(files >= 2, "the examples are found");
}

#[test]
fn what_the_example_calls_a_default_is_one() {
    let read = |text: &str| Config::parse(text, std::iter::empty()).expect("the example is right");
    let (as_it_stands, laid_open) = (read(EXAMPLE), read(&uncommented(EXAMPLE, "#")));
    // Section by section, so that a difference is found without reading all of them.
    let parts = |config: &Config| -> Vec<String> {
        let whole = [
            format!("{:?}", config.mode),
            format!("{:?}", config.database),
            format!("{:?}", config.web),
            format!("{:?}", config.policy),
        ];
        let lists = [
            config.brands.iter().map(|part| format!("{part:?}")).collect::<Vec<_>>(),
            config.references.iter().map(|part| format!("{part:?}")).collect(),
            config.sources.iter().map(|part| format!("{part:?}")).collect(),
            config.crms.iter().map(|part| format!("{part:?}")).collect(),
            config.receivers.iter().map(|part| format!("{part:?}")).collect(),
        ];
        whole.into_iter().chain(lists.into_iter().flatten()).collect()
    };
    for (default, shown) in parts(&as_it_stands).iter().zip(parts(&laid_open)) {
        assert_eq!(*default, shown);
    }
    assert_eq!(as_it_stands.database.url, laid_open.database.url);
}

#[test]
fn what_the_example_suggests_is_right_too() {
    let everything = uncommented(&uncommented(EXAMPLE, "# "), "#");
    assert_ne!(everything, uncommented(EXAMPLE, "#"));
    assert_eq!(errors_of(&everything), Vec::<String>::new());
}

/// The part of the example from a section to the next with two brackets or the next heading.
fn block<'a>(is_start: impl Fn(&str) -> bool) -> &'a str {
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    for line in EXAMPLE.split_inclusive('\n') {
        if line.starts_with("[[")
            || line.starts_with("# ----")
            || line.starts_with("[web]")
            || line.starts_with("[policy]")
        {
            starts.push(at);
        }
        at += line.len();
    }
    starts.push(EXAMPLE.len());
    let blocks = starts.windows(2).map(|pair| &EXAMPLE[pair[0]..pair[1]]);
    blocks.into_iter().find(|block| is_start(block)).expect("the example has a section for each kind")
}

/// Every section that there is, as the lines that begin it, with its part of the example.
fn sections() -> Vec<(String, &'static str)> {
    let mut sections = Vec::new();
    for name in ["database", "web", "policy"] {
        let start = format!("[{name}]");
        sections.push((
            start.clone(),
            block(|block| block.contains(&format!("\n{start}\n")) || block.starts_with(&start)),
        ));
    }
    for name in ["brand", "reference", "rule"] {
        let start = format!("[[{name}]]");
        sections.push((start.clone(), block(|block| block.starts_with(&start))));
    }
    let kinds = [
        ("source", gehoord::source::KINDS),
        ("crm", gehoord::escalate::KINDS),
        ("receiver", gehoord::alert::KINDS),
    ];
    for (name, kinds) in kinds {
        for kind in kinds {
            let (start, line) = (format!("[[{name}]]"), format!("\nkind = \"{kind}\"\n"));
            let text = block(|block| block.starts_with(&start) && block.contains(&line));
            sections.push((format!("{start}{line}"), text));
        }
    }
    sections
}

/// The words that an error lists after `mark`, when there is one about `path`.
fn listed(section: &str, path: &str, mark: &str) -> Vec<String> {
    errors_of(section)
        .iter()
        .find(|error| error.split(": ").next().is_some_and(|at| at.ends_with(path)) && error.contains(mark))
        .and_then(|error| error.split(mark).nth(1))
        .map_or(Vec::new(), |list| list.split(", ").map(|word| word.trim().to_owned()).collect())
}

/// The options of a section and of what stands in it, as serde knows them: a key that nobody has makes it list them.
fn options(start: &str, depth: usize) -> BTreeSet<String> {
    let known = "known are ";
    let mut found = BTreeSet::new();
    for key in listed(&format!("{start}\n{BOGUS} = 1"), BOGUS, known) {
        let mut inner: Vec<String> = Vec::new();
        let mut look = |value: &str, path: &str, mark: &str| {
            inner.extend(listed(&format!("{start}\n{key} = {value}"), path, mark));
        };
        if depth < DEPTH_MAX {
            look(&format!("{{ {BOGUS} = 1 }}"), BOGUS, known);
            look(&format!("[{{ {BOGUS} = 1 }}]"), BOGUS, known);
            look(&format!("{{ {BOGUS} = \"\" }}"), BOGUS, "write one of ");
            for kind in
                listed(&format!("{start}\n{key} = {{ kind = \"{BOGUS}\" }}"), ".kind", "write one of ")
            {
                let value = format!("{{ kind = \"{kind}\", {BOGUS} = 1 }}");
                inner.extend(listed(&format!("{start}\n{key} = {value}"), BOGUS, known));
                inner.push(kind);
            }
        }
        if key != "kind" || start == "[[reference]]" {
            let choices = listed(&format!("{start}\n{key} = \"{BOGUS}\""), &key, "write one of ");
            inner.extend(choices);
        }
        found.insert(key);
        found.extend(inner);
    }
    found
}

/// Whether a part of the example shows an option with a value, as a section, or as a choice in quotes.
fn shows(text: &str, option: &str) -> bool {
    let is_word_end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    text.contains(&format!(".{option}]"))
        || text.contains(&format!("\"{option}\""))
        || text
            .match_indices(&format!("{option} = "))
            .any(|(at, _)| text[..at].chars().next_back().is_none_or(is_word_end))
}

#[test]
fn every_option_stands_in_the_example_in_the_section_of_its_kind() {
    let mut seen = 0;
    for (start, text) in sections() {
        let section = start.lines().next().unwrap_or_default();
        // What all kinds have in common is explained at the first of them.
        let first = block(|block| block.starts_with(section) || block.contains(&format!("\n{section}\n")));
        for option in options(&start, 1) {
            assert!(shows(text, &option) || shows(first, &option), "{option} of {start} in the example");
            seen += 1;
        }
    }
    // The method itself works only as long as serde lists keys.
    assert!(seen > 200, "only {seen} options were found");
    assert!(options("[policy]", 1).contains("low_minutes") && options("[policy]", 1).contains("never"));
    let of_http_json = options("[[source]]\nkind = \"http_json\"", 1);
    assert!(
        ["overlap_ids", "rating_best", "password", "step"].iter().all(|key| of_http_json.contains(*key)),
        "{of_http_json:?}"
    );
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_do() {
    for (name, path, hint) in MISTAKES {
        let errors = errors_of(&fixture(name));
        assert_eq!(errors.len(), 1, "{name}: {errors:#?}");
        assert!(errors[0].starts_with(&format!("{path}: ")), "{name}: {} should be about {path}", errors[0]);
        assert!(errors[0].contains(hint), "{name}: {} should say {hint}", errors[0]);
    }
}

#[test]
fn every_fixture_is_about_a_mistake_that_is_tested() {
    let folder = format!("{}/tests/fixtures/config", env!("CARGO_MANIFEST_DIR"));
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for name in names.filter_map(|name| name.strip_suffix(".toml").map(str::to_owned)) {
        assert!(name == "seven_mistakes" || MISTAKES.iter().any(|(known, _, _)| *known == name), "{name}");
    }
}

#[test]
fn seven_mistakes_are_seven_errors() {
    let errors = errors_of(&fixture("seven_mistakes"));
    let paths: BTreeSet<&str> = errors.iter().filter_map(|error| error.split(": ").next()).collect();
    let expected = BTreeSet::from([
        "mode",
        "policy.maximum_wait.low_minutes",
        "rule \"everything\".notify",
        "source \"mastodon\".purpose",
        "source \"mastodon\".token",
        "web.listn",
        "webhook",
    ]);
    assert_eq!((errors.len(), paths), (7, expected), "{errors:#?}");
}

/// Options whose values, or parts of them, are secrets.
const SECRET_OPTIONS: [&str; 12] = [
    "token",
    "app_password",
    "api_key",
    "api_secret",
    "api_token",
    "secrets",
    "locations",
    "headers",
    "auth",
    "url",
    "password",
    "secret",
];

#[test]
fn no_error_holds_a_secret_however_it_is_miswritten() {
    let everything = uncommented(&uncommented(EXAMPLE, "# "), "#");
    // Brands and numbers are left out because preparing their patterns takes a while, and neither holds a secret.
    let slow = ["What is about you", "Numbers to look for"];
    let parted = everything.split("# ---- ").filter(|part| !slow.iter().any(|title| part.starts_with(title)));
    let text = parted.collect::<Vec<_>>().join("# ");
    let mut tried = 0;
    for (number, line) in text.lines().enumerate() {
        let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| SECRET_OPTIONS.contains(key)) else {
            continue;
        };
        for wrong in [
            format!("{key} = [\"{SECRET}\"]"),
            format!("{key} = {{ fle = \"{SECRET}\" }}"),
            format!("{key} = {{ kind = \"bearer\", tokn = \"{SECRET}\" }}"),
            format!("{key} = [[{{ token = \"{SECRET}\" }}]]"),
            format!("{key} = \"{SECRET}"),
            format!("{key} = {SECRET}"),
            format!("{key} = \"{SECRET}\""),
            format!("{key} = \"{SECRET}, expected a sequence\""),
            format!("{key}_ = \"{SECRET}\""),
        ] {
            let lines: Vec<&str> = text
                .lines()
                .enumerate()
                .map(|(n, old)| if n == number { wrong.as_str() } else { old })
                .collect();
            let errors = errors_of(&lines.join("\n")).join("\n");
            assert!(!errors.is_empty() && !errors.contains(SECRET), "{wrong}: {errors}");
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried} wrong lines were tried");
}

#[test]
fn no_debug_text_of_a_configuration_holds_a_secret() {
    let everything = uncommented(&uncommented(EXAMPLE, "# "), "#")
        .replace("= \"voorbeeld\"", &format!("= \"{SECRET}\""))
        .replace("sqlite://gehoord.db", &format!("postgres://gehoord:{SECRET}@db.voorbeeld.example/gehoord"))
        .replace("sqlite://register.db", &format!("postgres://lezer:{SECRET}@db.voorbeeld.example/register"))
        .replace(
            "auth = { kind = \"none\" }",
            &format!("auth = {{ kind = \"bearer\", token = \"{SECRET}\" }}"),
        )
        .replace("headers = {}", &format!("headers = {{ Api-Key = \"{SECRET}\" }}"));
    assert!(everything.matches(SECRET).count() >= 10, "{everything}");
    let config = Config::parse(&everything, std::iter::empty()).unwrap();
    assert!(!format!("{config:?}").contains(SECRET));
}

#[test]
fn a_file_that_is_not_there_is_named_with_what_to_do() {
    let errors = Config::load(std::path::Path::new("/nowhere/gehoord.toml")).unwrap_err();
    assert!(
        errors.0[0].starts_with("/nowhere/gehoord.toml: ") && errors.0[0].contains("config/example.toml"),
        "{errors}"
    );
}
