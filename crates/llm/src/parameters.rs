//! How large a model is, as far as its name says.

/// The parameters that a model's name speaks of, in billions: `qwen3-4b` 4, `llama3.2:1b` 1, `mixtral-8x7b` 56,
/// `smollm2-135m` 0.135. Of `qwen3-30b-a3b`, all 30 count: the active ones say how fast it is, not how able.
pub fn billions_in_name(name: &str) -> Option<f64> {
    let lower = name.to_ascii_lowercase();
    let words = lower.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'));
    words.filter_map(size).reduce(f64::max)
}

fn size(word: &str) -> Option<f64> {
    let (number, unit) = match (word.strip_suffix('b'), word.strip_suffix('m')) {
        (Some(number), _) => (number, 1.0),
        (_, Some(number)) => (number, 1e-3),
        _ => return None,
    };
    // `e4b`: so many effective ones.
    let number = number.strip_prefix('e').unwrap_or(number);
    let factors = number.split('x').map(|factor| {
        let is_number = factor.starts_with(|c: char| c.is_ascii_digit());
        is_number.then(|| factor.parse::<f64>().ok()).flatten()
    });
    let size = factors.reduce(|all, factor| Some(all? * factor?))?? * unit;
    (size > 0.0).then_some(size)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::billions_in_name;

    #[test]
    fn names_say_how_large_models_are() {
        for (name, size) in [
            ("qwen3-4b", Some(4.0)),
            ("Qwen2.5-Coder-0.5B-Instruct-Q4_K_M", Some(0.5)),
            ("llama3.2:1b", Some(1.0)),
            ("meta-llama/Llama-3.3-70B-Instruct", Some(70.0)),
            ("mixtral-8x7b", Some(56.0)),
            ("qwen3-30b-a3b", Some(30.0)),
            ("gemma3n:e4b", Some(4.0)),
            ("gpt-oss:20b", Some(20.0)),
            ("SmolLM2-135M-Instruct", Some(0.135)),
            ("gpt-5.2", None),
            ("claude-opus-4-5", None),
            ("glm-4.7", None),
            ("b", None),
            ("xb", None),
            ("0b", None),
        ] {
            assert_eq!(billions_in_name(name), size, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_name_can_be_asked(name in any::<String>()) {
            prop_assert!(billions_in_name(&name).is_none_or(|size| size > 0.0));
        }
    }
}
