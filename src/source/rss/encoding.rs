//! Which characters the bytes of a feed are.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::source::client::text_of;

/// The bytes in front of the end of an XML declaration that are searched for its encoding.
const DECLARATION_BYTES_MAX: usize = 256;

/// A feed as text. What cannot be read becomes U+FFFD, so that one bad byte costs one character.
///
/// A byte order mark counts most, then the XML declaration, then the charset of the HTTP header: a publisher who writes a
/// declaration usually means it, while the header is often the web server's default (RFC 7303 would have it the other way).
pub fn decode(body: &[u8], content_type: Option<&str>) -> String {
    if matches!(body, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0xEF, 0xBB, 0xBF, ..]) {
        return text_of(body);
    }
    let encoding = match body {
        [b'<', 0, _, 0, ..] => UTF_16LE,
        [0, b'<', 0, _, ..] => UTF_16BE,
        _ => declared(body).or_else(|| content_type.and_then(charset)).unwrap_or(UTF_8),
    };
    encoding.decode_without_bom_handling(body).0.into_owned()
}

/// The encoding that an XML declaration names. UTF-16 cannot be meant: the declaration was readable byte by byte.
fn declared(body: &[u8]) -> Option<&'static Encoding> {
    let start = &body[..body.len().min(DECLARATION_BYTES_MAX)];
    let start = start.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { ' ' });
    let start: String = start.collect();
    let declaration = start.trim_start().strip_prefix("<?xml")?.split("?>").next()?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    single_byte_wise(value[1..].split(quote).next()?)
}

fn charset(content_type: &str) -> Option<&'static Encoding> {
    let parameter = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    })?;
    single_byte_wise(parameter.trim().trim_matches('"'))
}

fn single_byte_wise(label: &str) -> Option<&'static Encoding> {
    Encoding::for_label(label.as_bytes()).filter(|encoding| encoding.is_ascii_compatible())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn every_way_to_say_an_encoding_is_heard() {
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>caf\xE9</a>";
        let cases: [(Vec<u8>, Option<&str>); 8] = [
            (latin.to_vec(), None),
            (latin.to_vec(), Some("text/xml; charset=utf-8")),
            (b"<a>caf\xE9</a>".to_vec(), Some("text/xml; Charset=\"iso-8859-1\"")),
            ("<a>café</a>".as_bytes().to_vec(), None),
            ("\u{FEFF}<a>café</a>".as_bytes().to_vec(), Some("text/xml; charset=iso-8859-1")),
            (utf16("\u{FEFF}<a>café</a>", u16::to_le_bytes), None),
            (utf16("<a>café</a>", u16::to_le_bytes), None),
            (utf16("<a>café</a>", u16::to_be_bytes), None),
        ];
        for (bytes, content_type) in cases {
            let text = decode(&bytes, content_type);
            assert!(text.ends_with("<a>café</a>"), "{text:?} {content_type:?}");
        }
    }

    #[test]
    fn bytes_that_fit_nothing_are_replaced() {
        assert_eq!(decode(b"<a>\xFF\xC3(</a>", None), "<a>\u{FFFD}\u{FFFD}(</a>");
        assert_eq!(decode(b"<?xml encoding='utf-16'?><a>x</a>", Some("x; charset=nonsense")).len(), 33);
        assert_eq!(decode(b"<?xml encoding=", None), "<?xml encoding=");
        assert_eq!(decode(b"", None), "");
    }
}
