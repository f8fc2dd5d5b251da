//! Bytes of a page to text.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// An encoding is declared within this many bytes at the start of a page, as browsers have it.
const DECLARED_WITHIN: usize = 1024;

/// The text of a body: by its byte order mark, else by what the header says, else by what the page says of itself, else
/// as UTF-8 where it is, else as the old encoding of the west.
pub(crate) fn decode(bytes: &[u8], content_type: &str) -> String {
    let encoding = from_label(content_type, "charset")
        .or_else(|| declared(bytes))
        .unwrap_or_else(|| match is_utf8(bytes) {
            true => UTF_8,
            false => WINDOWS_1252,
        });
    // A byte order mark goes before everything else.
    encoding.decode(bytes).0.into_owned()
}

/// Whether these bytes are UTF-8, but for a character that the end cuts off.
fn is_utf8(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// What a `meta` element or an XML declaration at the start says.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = &bytes[..bytes.len().min(DECLARED_WITHIN)];
    let start: String = start
        .iter()
        .map(|b| char::from(*b).to_ascii_lowercase())
        .collect();
    let mut rest = start.as_str();
    if let Some(xml) = rest.strip_prefix("<?xml") {
        let end = xml.find("?>").unwrap_or(xml.len());
        if let Some(encoding) = from_label(&xml[..end], "encoding") {
            return Some(encoding);
        }
    }
    while let Some(at) = rest.find("<meta") {
        rest = &rest[at + "<meta".len()..];
        let end = rest.find('>').unwrap_or(rest.len());
        if let Some(encoding) = from_label(&rest[..end], "charset") {
            // A page that says so in ASCII cannot be in UTF-16.
            return Some(match encoding.is_ascii_compatible() {
                true => encoding,
                false => UTF_8,
            });
        }
    }
    None
}

/// The encoding that stands behind `name=` in a text.
fn from_label(text: &str, name: &str) -> Option<&'static Encoding> {
    let lower = text.to_ascii_lowercase();
    let at = lower.find(name)? + name.len();
    let value = lower[at..].trim_start().strip_prefix('=')?.trim_start();
    let value = value.trim_start_matches(['"', '\'']);
    let end = value
        .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | '>' | '/' | '?'))
        .unwrap_or(value.len());
    Encoding::for_label(&value.as_bytes()[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_encoding_is_found_where_it_is_said() {
        for (bytes, content_type, text) in [
            (
                &b"gr\xfc\xdfe"[..],
                "text/html; charset=ISO-8859-1",
                "grüße",
            ),
            (b"gr\xfc\xdfe", "text/html;charset=\"latin1\"", "grüße"),
            (b"gr\xfc\xdfe", "text/html", "grüße"),
            ("grüße".as_bytes(), "text/html", "grüße"),
            ("grüße".as_bytes(), "text/html; charset=nonsense", "grüße"),
            (
                b"\xef\xbb\xbfgr\xc3\xbc\xc3\x9fe",
                "text/plain; charset=latin1",
                "grüße",
            ),
            (b"\x82\xb1\x82\xf1", "text/plain; charset=Shift_JIS", "こん"),
            (
                b"<meta charset=windows-1251>\xcf\xf0",
                "text/html",
                "<meta charset=windows-1251>Пр",
            ),
            (
                b"<META http-equiv=Content-Type content='text/html; charset=koi8-r'>\xf0",
                "text/html",
                "<META http-equiv=Content-Type content='text/html; charset=koi8-r'>П",
            ),
            (
                b"<?xml version='1.0' encoding='iso-8859-2'?>\xb1",
                "text/xml",
                "<?xml version='1.0' encoding='iso-8859-2'?>ą",
            ),
            (
                b"<meta charset=utf-16>a\xc3\xbc",
                "text/html",
                "<meta charset=utf-16>aü",
            ),
            (b"\xff\xfea\0b\0", "text/plain", "ab"),
            (b"cut off: \xc3", "text/plain", "cut off: \u{fffd}"),
        ] {
            assert_eq!(decode(bytes, content_type), text, "{content_type}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_text(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            header in any::<String>(),
        ) {
            decode(&bytes, &header);
            let mut page = b"<meta charset=".to_vec();
            page.extend(bytes);
            decode(&page, "text/html");
        }
    }
}
