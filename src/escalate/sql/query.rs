//! A query of the operator's with its parameters. Pure.
//!
//! Parameters become literals instead of bound values: a literal takes the type of the column that it is compared with,
//! whatever that is, and the text that stands there is ours or quoted by us.

/// What may stand in a query behind a colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    /// Rows that changed at or after this moment: local time as text, or what `updated_at` held last.
    Since,
    /// The same in whole seconds since 1970.
    SinceEpoch,
    /// The same in milliseconds since 1970.
    SinceEpochMillis,
    /// The id of the last row of the page before, as text.
    AfterId,
    /// How many rows at most.
    Limit,
}

const PARAMETERS: [(&str, Parameter); 5] = [
    ("since", Parameter::Since),
    ("since_epoch", Parameter::SinceEpoch),
    ("since_epoch_ms", Parameter::SinceEpochMillis),
    ("after_id", Parameter::AfterId),
    ("limit", Parameter::Limit),
];

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Parameter(Parameter),
}

/// A query, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query(Vec<Piece>);

/// What the parameters of one execution stand for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Values {
    pub since: String,
    pub since_millis: i64,
    pub after_id: String,
    pub limit: usize,
}

impl Query {
    /// Takes a query apart.
    ///
    /// # Errors
    /// What is wrong with it; what to do.
    pub(super) fn parse(text: &str) -> Result<Query, String> {
        let text = text.trim().trim_end_matches(';').trim_end();
        let first: String =
            text.chars().take_while(|c| c.is_ascii_alphabetic()).collect::<String>().to_ascii_lowercase();
        if !matches!(first.as_str(), "select" | "with") {
            return Err("must begin with SELECT or WITH; nothing else is run".to_owned());
        }
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let taken = opaque(rest).unwrap_or(character.len_utf8());
            if taken == 1 && character == ';' {
                return Err("holds more than one statement; give one".to_owned());
            }
            if let Some(name) = parameter_name(rest, plain.chars().next_back()) {
                let parameter = PARAMETERS.iter().find(|(known, _)| *known == name);
                let (_, parameter) = parameter.ok_or_else(|| {
                    format!(":{name} is no parameter; there are :since, :since_epoch, :since_epoch_ms, :after_id, :limit")
                })?;
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
                pieces.push(Piece::Parameter(*parameter));
                rest = &rest[1 + name.len()..];
                continue;
            }
            plain.push_str(&rest[..taken]);
            rest = &rest[taken..];
        }
        pieces.push(Piece::Text(plain));
        Ok(Query(pieces))
    }

    /// Whether it asks only for what changed.
    pub(super) fn is_incremental(&self) -> bool {
        [Parameter::Since, Parameter::SinceEpoch, Parameter::SinceEpochMillis].iter().any(|p| self.uses(*p))
    }

    pub(super) fn uses(&self, parameter: Parameter) -> bool {
        self.0.contains(&Piece::Parameter(parameter))
    }

    /// The query with its parameters filled in.
    pub(super) fn with(&self, values: &Values) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                Piece::Parameter(Parameter::Since) => quoted(&values.since),
                Piece::Parameter(Parameter::SinceEpoch) => values.since_millis.div_euclid(1000).to_string(),
                Piece::Parameter(Parameter::SinceEpochMillis) => values.since_millis.to_string(),
                Piece::Parameter(Parameter::AfterId) => quoted(&values.after_id),
                Piece::Parameter(Parameter::Limit) => values.limit.to_string(),
            })
            .collect()
    }
}

/// The length of a string, quoted name or comment at the start of `text`, in which a colon means nothing.
fn opaque(text: &str) -> Option<usize> {
    let until = |opening: usize, closing: &str| {
        text.get(opening..)?.find(closing).map_or(Some(text.len()), |at| Some(opening + at + closing.len()))
    };
    match text.as_bytes() {
        [b'\'', ..] => until(1, "'"),
        [b'"', ..] => until(1, "\""),
        [b'-', b'-', ..] => until(2, "\n"),
        [b'/', b'*', ..] => until(2, "*/"),
        // A cast: `value::text`.
        [b':', b':', ..] => Some(2),
        _ => None,
    }
}

fn parameter_name(text: &str, before: Option<char>) -> Option<&str> {
    let name = text.strip_prefix(':')?;
    let length = name.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let is_name = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()) && before != Some(':');
    is_name.then(|| &name[..length])
}

/// A text as a literal of SQL. NUL cannot stand in one.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> Values {
        Values {
            since: "2026-01-01 00:00:00".to_owned(),
            since_millis: 1_767_225_600_500,
            after_id: "o'neil".to_owned(),
            limit: 10,
        }
    }

    #[test]
    fn parameters_are_filled_in_and_nothing_else_is_touched() {
        let query = Query::parse(
            "SELECT id::text, ':since' AS \"a:limit\" -- :after_id\n FROM t /* :x */ WHERE u > :since AND e > :since_epoch \
             AND m > :since_epoch_ms AND id > :after_id LIMIT :limit;",
        )
        .unwrap();
        assert_eq!(
            query.with(&values()),
            "SELECT id::text, ':since' AS \"a:limit\" -- :after_id\n FROM t /* :x */ WHERE u > '2026-01-01 00:00:00' \
             AND e > 1767225600 AND m > 1767225600500 AND id > 'o''neil' LIMIT 10"
        );
    }

    #[test]
    fn what_is_no_single_question_is_refused() {
        for (text, reason) in [
            ("DELETE FROM t", "SELECT"),
            ("", "SELECT"),
            ("SELECT 1; DROP TABLE t", "one statement"),
            ("SELECT :sinds", ":sinds"),
        ] {
            let error = Query::parse(text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        assert!(Query::parse("with x as (select ';' as a) select * from x;\n").is_ok());
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "SELECT \\PC{0,60}|select ['\":;/*é -]{0,20}") {
            if let Ok(query) = Query::parse(&text) {
                let _ = query.with(&values());
            }
        }

        #[test]
        fn no_id_gets_out_of_its_quotes(id in "\\PC{0,20}|['\\\\\0]{0,8}") {
            let literal = quoted(&id);
            let inside = &literal[1..literal.len() - 1];
            prop_assert_eq!(inside.replace("''", "").matches('\'').count(), 0);
        }
    }
}
