//! Reading fields of answers that nobody promised the form of.

use serde_json::Value;

/// Names are cut here, in characters; no server's are longer.
const TEXT_LIMIT: usize = 300;

/// The largest count that is believed: beyond it a JSON number may not be what was sent.
const COUNT_LIMIT: u64 = 1 << 53;

/// A positive count: of tokens, of slots. Some servers write it as `4096.0`, some as text; 0, negative and absurd
/// numbers tell nothing.
pub(super) fn count(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64()?;
            (float.fract() == 0.0 && (1.0..=COUNT_LIMIT as f64).contains(&float))
                .then_some(float as u64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| (1..=COUNT_LIMIT).contains(number))
}

/// A name or version, fit to be shown: control characters are left out.
pub(super) fn text(value: &Value) -> Option<String> {
    let text: String = value
        .as_str()?
        .chars()
        .filter(|c| !c.is_control())
        .take(TEXT_LIMIT)
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The elements of an array; none where there is no array.
pub(super) fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Whether an array of words holds one; `None` where there is no array.
pub(super) fn holds(value: &Value, word: &str) -> Option<bool> {
    let words = value.as_array()?;
    Some(words.iter().any(|known| known.as_str() == Some(word)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_count_is_read_however_it_is_written() {
        for value in [json!(4096), json!(4096.0), json!("4096"), json!(" 4096 ")] {
            assert_eq!(count(&value), Some(4096), "{value}");
        }
        for value in [
            json!(0),
            json!(-1),
            json!(0.5),
            json!(1e300),
            json!(u64::MAX),
            json!("many"),
            json!(null),
            json!([4096]),
            json!(true),
        ] {
            assert_eq!(count(&value), None, "{value}");
        }
    }

    #[test]
    fn a_name_cannot_write_on_the_screen_what_it_likes() {
        assert_eq!(text(&json!("a\u{1b}[31mb\n")).unwrap(), "a[31mb");
        assert_eq!(text(&json!("x".repeat(5000))).unwrap().len(), TEXT_LIMIT);
        assert_eq!(text(&json!(" \n")), None);
        assert_eq!(text(&json!(7)), None);
    }
}
