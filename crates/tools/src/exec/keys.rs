//! Keys of a terminal, by name.

use thiserror::Error;

/// A name that is no key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "There is no key {0:?}. Keys are single characters, Enter, Tab, Escape, Space, Backspace, Up, Down, Left, Right, Home, End, PageUp, PageDown, Insert, Delete, F1 to F12, and these with C- (control), M- (alt) or S- (shift) before, such as C-c."
)]
pub(super) struct UnknownKey(String);

/// What a terminal sends for these keys.
pub(super) fn encode(keys: &[String]) -> Result<Vec<u8>, UnknownKey> {
    let mut bytes = Vec::new();
    for key in keys {
        let one = one(key).ok_or_else(|| UnknownKey(key.clone()))?;
        bytes.extend(one);
    }
    Ok(bytes)
}

fn one(key: &str) -> Option<Vec<u8>> {
    let mut characters = key.chars();
    if let (Some(character), None) = (characters.next(), characters.next()) {
        return Some(character.to_string().into_bytes());
    }
    if let Some((modifier, rest)) = key.split_once('-')
        && !rest.is_empty()
    {
        return match modifier.to_ascii_lowercase().as_str() {
            "c" | "ctrl" => control(rest),
            "m" | "alt" => Some([vec![0x1b], one(rest)?].concat()),
            "s" | "shift" => shifted(rest),
            _ => None,
        };
    }
    if let Some(rest) = key.strip_prefix('^') {
        return control(rest);
    }
    named(key)
}

fn named(key: &str) -> Option<Vec<u8>> {
    let bytes: &[u8] = match key.to_ascii_lowercase().as_str() {
        "enter" | "return" => b"\r",
        "tab" => b"\t",
        "escape" | "esc" => b"\x1b",
        "space" => b" ",
        "backspace" | "bspace" => b"\x7f",
        "up" => b"\x1b[A",
        "down" => b"\x1b[B",
        "right" => b"\x1b[C",
        "left" => b"\x1b[D",
        "home" => b"\x1b[H",
        "end" => b"\x1b[F",
        "insert" | "ic" => b"\x1b[2~",
        "delete" | "del" | "dc" => b"\x1b[3~",
        "pageup" | "pgup" | "ppage" => b"\x1b[5~",
        "pagedown" | "pgdn" | "npage" => b"\x1b[6~",
        "f1" => b"\x1bOP",
        "f2" => b"\x1bOQ",
        "f3" => b"\x1bOR",
        "f4" => b"\x1bOS",
        "f5" => b"\x1b[15~",
        "f6" => b"\x1b[17~",
        "f7" => b"\x1b[18~",
        "f8" => b"\x1b[19~",
        "f9" => b"\x1b[20~",
        "f10" => b"\x1b[21~",
        "f11" => b"\x1b[23~",
        "f12" => b"\x1b[24~",
        _ => return None,
    };
    Some(bytes.to_owned())
}

/// The control character of a key: C-a is 1, C-Space is 0.
fn control(key: &str) -> Option<Vec<u8>> {
    let byte = match key.as_bytes() {
        [byte @ (b'a'..=b'z' | b'@'..=b'_')] => byte & 0x1f,
        [b'?'] => 0x7f,
        _ if key.eq_ignore_ascii_case("space") => 0,
        _ => return None,
    };
    Some(vec![byte])
}

fn shifted(key: &str) -> Option<Vec<u8>> {
    if key.eq_ignore_ascii_case("tab") {
        return Some(b"\x1b[Z".to_vec());
    }
    let mut characters = key.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Some(character.to_uppercase().to_string().into_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_are_known_by_their_names() {
        for (key, bytes) in [
            ("q", "q"),
            ("-", "-"),
            ("ü", "ü"),
            ("Enter", "\r"),
            ("up", "\x1b[A"),
            ("C-c", "\x03"),
            ("C-D", "\x04"),
            ("^C", "\x03"),
            ("ctrl-[", "\x1b"),
            ("M-x", "\x1bx"),
            ("M-C-x", "\x1b\x18"),
            ("S-Tab", "\x1b[Z"),
            ("S-a", "A"),
            ("C-Space", "\0"),
        ] {
            let sent = encode(&[key.to_owned()]).unwrap();
            assert_eq!(sent, bytes.as_bytes(), "{key}");
        }
        for key in ["", "Entre", "C-", "C-Enter", "X-a", "^"] {
            let sent = encode(&[key.to_owned()]);
            assert_eq!(sent.is_ok(), key == "^", "{key}");
        }
    }
}
