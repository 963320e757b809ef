//! The address that is asked: a template from the configuration, filled with what the cursor knows. Pure.
//!
//! What a source says (tokens, links) is data. It is escaped into the query, and whatever comes of it must still lead to
//! the configured scheme, host and port.

use reqwest::Url;
use url::form_urlencoded::byte_serialize;

/// What may stand between braces in a template.
pub(super) const PLACEHOLDERS: [&str; 6] =
    ["cursor", "page", "since", "since_epoch", "before", "before_epoch"];

/// The values of one request; `None` for what is not known at the start of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Values {
    pub cursor: Option<String>,
    pub page: Option<String>,
    pub since: Option<String>,
    pub since_epoch: Option<String>,
    pub before: Option<String>,
    pub before_epoch: Option<String>,
}

impl Values {
    fn of(&self, name: &str) -> Option<&str> {
        let value = match name {
            "cursor" => &self.cursor,
            "page" => &self.page,
            "since" => &self.since,
            "since_epoch" => &self.since_epoch,
            "before" => &self.before,
            "before_epoch" => &self.before_epoch,
            _ => &None,
        };
        value.as_deref()
    }
}

/// Whether a template uses a placeholder.
pub(super) fn uses(template: &str, name: &str) -> bool {
    template.contains(&format!("{{{name}}}"))
}

/// What is wrong with an address template.
pub(super) fn faults(template: &str) -> Vec<String> {
    if template.is_empty() {
        return vec!["is missing; give the address of the list".to_owned()];
    }
    let mut faults = Vec::new();
    for name in names(template) {
        if !PLACEHOLDERS.contains(&name) {
            faults.push(format!("knows no {{{name}}}; use one of {}", PLACEHOLDERS.join(", ")));
        }
    }
    let (before_query, _) = template.split_once('?').unwrap_or((template, ""));
    if uses(before_query, "cursor") {
        faults
            .push("has {cursor} before the question mark; what a source says may only stand after it".into());
    }
    let origin_end =
        template.find("://").and_then(|at| template[at + 3..].find(['/', '?']).map(|n| at + 3 + n));
    if template[..origin_end.unwrap_or(template.len())].contains('{') {
        faults.push("has a placeholder in its host; write the host out".to_owned());
        return faults;
    }
    match address(template, &Values::default()) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            faults.push("is not an http or https address; write it out".to_owned());
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            faults.push("holds a user name or password; use auth instead".to_owned());
        }
        Ok(_) => {}
        Err(_) => faults.push("is not an address; write it out, beginning with https://".to_owned()),
    }
    faults
}

/// Fills the template. A parameter of the query that is nothing but an unknown value is left out.
///
/// # Errors
/// When the template is no address, which [`faults`] says beforehand.
pub(super) fn address(template: &str, values: &Values) -> Result<Url, url::ParseError> {
    let escaped = |value: &str| byte_serialize(value.as_bytes()).collect::<String>();
    let (path, query) = match template.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (template, None),
    };
    let mut filled = fill(path, values, &escaped);
    let parameters: Vec<String> = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .filter(|parameter| !is_unknown(parameter, values))
        .map(|parameter| fill(parameter, values, &escaped))
        .collect();
    if !parameters.is_empty() {
        filled.push('?');
        filled.push_str(&parameters.join("&"));
    }
    Url::parse(&filled)
}

/// Fills a body, in which placeholders stand inside JSON strings.
pub(super) fn body(template: &str, values: &Values) -> String {
    let escaped = |value: &str| {
        let quoted = serde_json::to_string(value).expect("text is always JSON");
        quoted[1..quoted.len() - 1].to_owned()
    };
    fill(template, values, &escaped)
}

/// Where a link to the next page leads, if it stays where the configuration points.
pub(super) fn following(configured: &Url, current: &Url, link: &str) -> Option<Url> {
    let mut next = current.join(link.trim()).ok()?;
    next.set_fragment(None);
    let same_place = next.origin() == configured.origin()
        && next.scheme() == configured.scheme()
        && next.username().is_empty()
        && next.password().is_none();
    same_place.then_some(next)
}

/// The link with `rel="next"` of a `Link` header (RFC 8288).
pub(super) fn next_of_link_header(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>')?;
        let link = &rest[start + 1..end];
        let parameters_end = rest[end..].find(",").map_or(rest.len(), |comma| end + comma);
        let parameters = &rest[end + 1..parameters_end];
        let is_next =
            parameters.split(';').filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value
                        .trim()
                        .trim_matches('"')
                        .split_whitespace()
                        .any(|rel| rel.eq_ignore_ascii_case("next"))
            });
        if is_next {
            return Some(link);
        }
        rest = &rest[parameters_end..];
    }
    None
}

/// The names between braces.
fn names(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).map(|rest| rest.split_once('}').map_or(rest, |(name, _)| name))
}

fn fill(template: &str, values: &Values, escaped: &impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let placeholder =
            rest[start..].find('}').map(|length| (&rest[start + 1..start + length], start + length + 1));
        match placeholder.filter(|(name, _)| PLACEHOLDERS.contains(name)) {
            Some((name, end)) => {
                filled.push_str(&rest[..start]);
                filled.push_str(&escaped(values.of(name).unwrap_or_default()));
                rest = &rest[end..];
            }
            // A brace of JSON, say.
            None => {
                filled.push_str(&rest[..=start]);
                rest = &rest[start + 1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// Whether a parameter is `name={placeholder}` without a value for it.
fn is_unknown(parameter: &str, values: &Values) -> bool {
    let value = parameter.split_once('=').map_or(parameter, |(_, value)| value);
    let name = value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| PLACEHOLDERS.contains(&name) && values.of(name).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEMPLATE: &str =
        "https://api.example:8443/v1/{page}/posts?q=veldnet&after={since_epoch}&c={cursor}";

    fn cursor(text: &str) -> Values {
        Values { cursor: Some(text.to_owned()), page: Some("2".into()), ..Values::default() }
    }

    #[test]
    fn known_values_are_escaped_and_unknown_parameters_left_out() {
        assert_eq!(
            address(TEMPLATE, &cursor("a&b=c #/?é")).unwrap().as_str(),
            "https://api.example:8443/v1/2/posts?q=veldnet&c=a%26b%3Dc+%23%2F%3F%C3%A9"
        );
        let within = address("https://a.example/?n=t%3E{since_epoch}", &Values::default()).unwrap();
        assert_eq!(within.as_str(), "https://a.example/?n=t%3E");
    }

    #[test]
    fn a_body_stays_the_json_it_was() {
        let filled = body(r#"{"query": "x", "after": "{cursor}"}"#, &cursor("a\"},{\"b\":\""));
        let value: serde_json::Value = serde_json::from_str(&filled).unwrap();
        assert_eq!(value["after"], "a\"},{\"b\":\"");
    }

    #[test]
    fn faults_are_named() {
        for (template, says) in [
            ("", "missing"),
            ("not an address", "not an address"),
            ("ftp://a.example/", "http or https"),
            ("https://{cursor}.example/", "host"),
            ("https://a.example{page}/", "host"),
            ("https://a.example/{cursor}?x=1", "after it"),
            ("https://a.example/?x={nonsense}", "nonsense"),
            ("https://u:p@a.example/", "auth"),
        ] {
            let faults = faults(template).join("; ");
            assert!(faults.contains(says), "{template}: {faults}");
        }
        assert_eq!(faults(TEMPLATE), Vec::<String>::new());
    }

    #[test]
    fn the_next_link_is_found_among_others() {
        for (header, next) in [
            (
                r#"<https://a.example/?page=2>; rel="next", <https://a.example/>; rel="first""#,
                Some("https://a.example/?page=2"),
            ),
            (
                r#"<https://a.example/?a=1,2>; rel="prev", </x?page=3>; title="x"; rel="last next""#,
                Some("/x?page=3"),
            ),
            ("<https://a.example/>; rel=next", Some("https://a.example/")),
            (r#"<https://a.example/>; rel="prev""#, None),
            ("<https://a.example/", None),
            ("", None),
        ] {
            assert_eq!(next_of_link_header(header), next, "{header}");
        }
    }

    #[test]
    fn links_that_lead_elsewhere_are_not_followed() {
        let here = Url::parse("https://api.example/v1/posts?page=1").unwrap();
        for link in [
            "https://evil.example/v1/posts?page=2",
            "//evil.example/x",
            "http://api.example/v1/posts",
            "https://api.example:444/",
            "https://user:pw@api.example/",
            "javascript:alert(1)",
            "\\\\evil.example\\x",
            "https://api.example@evil.example/",
        ] {
            assert_eq!(following(&here, &here, link), None, "{link}");
        }
        assert_eq!(
            following(&here, &here, "?page=2#x").unwrap().as_str(),
            "https://api.example/v1/posts?page=2"
        );
    }

    proptest! {
        #[test]
        fn whatever_a_source_says_the_host_stays(
            said in "\\PC{0,30}|[a-z/@:?#\\\\.%&=0-9{}\\[\\]]{0,30}|(https?:)?//[a-z.@:/\\\\]{0,20}"
        ) {
            let configured = address(TEMPLATE, &Values::default()).unwrap();
            let mut values = cursor(&said);
            values.before = Some(said.clone());
            let url = address(TEMPLATE, &values).unwrap();
            prop_assert_eq!(url.origin(), configured.origin());
            prop_assert_eq!(url.path(), "/v1/2/posts");
            if let Some(next) = following(&configured, &url, &said) {
                prop_assert_eq!(next.host_str(), configured.host_str());
                prop_assert_eq!(next.origin(), configured.origin());
                prop_assert!(next.username().is_empty());
            }
            let _ = next_of_link_header(&said);
        }
    }
}
