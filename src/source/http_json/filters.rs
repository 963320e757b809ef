//! jq filters from the configuration: checked and compiled once, run on data from outside. Pure.
//!
//! The language can loop for ever and recurse without end, and the run-time has no limit of its own. A mapping needs
//! neither, so the words for it are refused when the configuration is read, as are those that reach outside the data
//! (environment, clock, log). What remains ends by itself; that it may still take long is the caller's to limit.

use jaq_core::data::JustLut;
use jaq_core::load::lex::{StrPart, Tok, Token};
use jaq_core::load::{Arena, Error, File, Lexer, Loader, parse};
use jaq_core::{Compiler, Ctx, Vars, unwrap_valr};
use jaq_json::Val;

/// Words that a filter may not use, and why.
const REFUSED: [(&[&str], &str); 4] = [
    (
        &["def", "recurse", "repeat", "range", "while", "until", "combinations", "infinite"],
        "could run for ever",
    ),
    (
        &["env", "input", "inputs", "now", "import", "include", "getpath", "setpath"],
        "reaches outside the item",
    ),
    (&["debug", "stderr", "halt", "halt_error"], "writes or stops what is not its own"),
    (&["fromjson", "tojson"], "reads JSON inside of text, which has no depth limit"),
];

/// Our own versions of two filters of the library, which would read any text as JSON.
const SAFE_DEFS: &str = r#"
def tonumber:
  if isnumber then .
  elif test("^-?[0-9]{1,300}([.][0-9]{1,300})?([eE][+-]?[0-9]{1,3})?$") then fromjson
  else error("not a number") end;
def toboolean:
  if . == true or . == "true" then true
  elif . == false or . == "false" then false
  else error("not a boolean") end;
"#;

/// A compiled filter.
pub(super) struct Filter(jaq_core::Filter<JustLut<Val>>);

impl Filter {
    /// Compiles a filter.
    ///
    /// # Errors
    /// What is wrong with it and what to do, to stand behind the key's name.
    pub fn compile(code: &str) -> Result<Filter, String> {
        refuse_words(code)?;
        let library = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let library = library.filter(|def| !matches!(def.name, "tonumber" | "toboolean"));
        let ours = parse(SAFE_DEFS, |parser| parser.defs()).expect("our own definitions are jq");
        let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(library.chain(ours))
            .load(&arena, File { code, path: () })
            .map_err(|errors| errors.first().map_or_else(String::new, |(_, error)| reason(error)))?;
        Compiler::default().with_funs(functions).compile(modules).map(Filter).map_err(|errors| {
            let undefined = errors.iter().flat_map(|(_, errors)| errors).next();
            undefined.map_or_else(String::new, |(name, what)| {
                format!("there is no {} {name} here; correct its spelling", what.as_str())
            })
        })
    }

    /// The first output for an input: `None` when there is none.
    ///
    /// # Errors
    /// When the filter does not fit the input. What was wrong would quote the input, so it is not said.
    pub fn first(&self, input: Val) -> Result<Option<Val>, Misfit> {
        let context = Ctx::<JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        self.0.id.run((context, input)).map(unwrap_valr).next().transpose().map_err(|_| Misfit)
    }
}

/// The filter does not fit the data.
#[derive(Debug, PartialEq)]
pub(super) struct Misfit;

fn refuse_words(code: &str) -> Result<(), String> {
    let tokens = Lexer::new(code).lex().map_err(|errors| {
        errors.first().map_or_else(String::new, |(expected, rest)| {
            let near: String = rest.chars().take(20).collect();
            format!("wants a {} near `{near}`; correct it", expected.as_str())
        })
    })?;
    match refused_word(&tokens) {
        Some((word, why)) => Err(format!("`{word}` {why} and is not allowed here; do without it")),
        None => Ok(()),
    }
}

fn refused_word<'a>(tokens: &[Token<&'a str>]) -> Option<(&'a str, &'static str)> {
    let mut after_dot = false;
    for Token(text, token) in tokens {
        let found = match token {
            // The name of a field, as in `.range`, is only a name.
            Tok::Word if after_dot => None,
            Tok::Word => {
                let why = REFUSED.iter().find(|(words, _)| words.contains(text)).map(|(_, why)| *why);
                why.map(|why| (*text, why))
            }
            Tok::Block(inner) => refused_word(inner),
            Tok::Str(parts) => parts.iter().find_map(|part| match part {
                StrPart::Term(inner) => refused_word(std::slice::from_ref(inner)),
                StrPart::Str(_) | StrPart::Char(_) => None,
            }),
            Tok::Var | Tok::Fmt | Tok::Num | Tok::Sym => None,
        };
        if found.is_some() {
            return found;
        }
        after_dot = matches!(token, Tok::Sym) && *text == ".";
    }
    None
}

fn reason(error: &Error<&str>) -> String {
    match error {
        Error::Io(_) => "cannot load other files; write it in one piece".to_owned(),
        Error::Lex(_) => "is not jq; correct it".to_owned(),
        Error::Parse(errors) => errors.first().map_or_else(String::new, |(expected, found)| {
            let found: String = found.chars().take(20).collect();
            let found = if found.is_empty() { "its end".to_owned() } else { format!("`{found}`") };
            format!("wants a {} instead of {found}; correct it", expected.as_str())
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(code: &str, json: &str) -> Result<Option<String>, Misfit> {
        let input = jaq_json::read::parse_single(json.as_bytes()).unwrap();
        Filter::compile(code).unwrap().first(input).map(|value| value.map(|value| value.to_string()))
    }

    #[test]
    fn filters_do_what_a_mapping_needs() {
        let item = r#"{"id": 9007199254740993, "stars": "4", "tags": ["a", "story"], "deleted_at": null, "range": 1}"#;
        for (code, output) in [
            (".id", Some("9007199254740993")),
            (r#""https://x.example/\(.id)""#, Some(r#""https://x.example/9007199254740993""#)),
            (".stars | tonumber", Some("4")),
            (".tags | index(\"story\") != null", Some("true")),
            (".deleted_at != null", Some("false")),
            (".missing // .stars", Some("\"4\"")),
            (".range", Some("1")),
            ("empty", None),
            (".tags[]", Some("\"a\"")),
            ("[.. | strings] | length", Some("3")),
        ] {
            assert_eq!(run(code, item), Ok(output.map(str::to_owned)), "{code}");
        }
    }

    #[test]
    fn a_misfit_is_an_error_without_words() {
        for (code, input) in
            [(".a.b", "[1]"), (".x | tonumber", r#"{"x":"[[[["}"#), ("error(.)", "\"geheim\"")]
        {
            assert_eq!(run(code, input), Err(Misfit), "{code}");
        }
    }

    #[test]
    fn what_could_run_for_ever_or_reach_outside_is_refused() {
        for code in [
            "[range(infinite)]",
            "repeat(.)",
            "def f: f; f",
            ".a | recurse(.)",
            "\"\\([range(9)])\"",
            "{a: (0 | until(false; .))}",
            "env.HOME",
            "$ENV.HOME",
            "now",
            ".a | debug",
            "halt",
            ".text | fromjson",
            "input",
        ] {
            assert!(Filter::compile(code).is_err(), "{code}");
        }
    }

    #[test]
    fn a_mistake_is_explained() {
        for (code, says) in [
            (".a | nosuch", "nosuch"),
            ("(.a", "closing parenthesis"),
            ("\"a", "closing quote"),
            (".a | ", "term"),
            ("$x", "$x"),
            ("", "term"),
            ("import \"a\" as a; .", "import"),
        ] {
            let error = Filter::compile(code).err().unwrap();
            assert!(error.contains(says), "{code}: {error}");
        }
    }

    #[test]
    fn a_filter_may_be_handed_to_another_thread() {
        fn shareable<T: Send + Sync>() {}
        shareable::<Filter>();
    }
}
