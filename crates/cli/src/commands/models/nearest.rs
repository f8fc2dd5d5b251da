//! Whether a server lists a model, and which of its models come near.

/// How alike two names must be to be named together, from 0 to 1.
const ALIKE: f64 = 0.8;

/// How many near names are given.
const NEAR: usize = 3;

/// Whether `id` names one of `ids`. Ollama leaves out the tag `latest`; vendors list dated versions of a model that they
/// serve without the date.
pub(crate) fn is_listed(id: &str, ids: &[&str]) -> bool {
    ids.iter().any(|listed| {
        listed.strip_prefix(id).is_some_and(|rest| {
            let is_date = |text: &str| text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
            rest.is_empty() || rest == ":latest" || rest.strip_prefix('-').is_some_and(is_date)
        })
    })
}

/// The names that are most like `id`, the nearest first.
pub(crate) fn nearest<'a>(id: &str, ids: &[&'a str]) -> Vec<&'a str> {
    let wanted = id.to_lowercase();
    let mut near: Vec<(f64, &str)> = ids
        .iter()
        .map(|listed| (likeness(&wanted, &listed.to_lowercase()), *listed))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.into_iter()
        .take(NEAR)
        .map(|(_, listed)| listed)
        .collect()
}

/// The part behind the last `/` counts too: some servers write the maker before it, some do not.
fn likeness(wanted: &str, listed: &str) -> f64 {
    let last = |name: &str| {
        name.rsplit('/')
            .next()
            .map(str::to_owned)
            .unwrap_or_default()
    };
    let (short_wanted, short_listed) = (last(wanted), last(listed));
    if short_listed.contains(&short_wanted) || short_wanted.contains(&short_listed) {
        return 1.0;
    }
    strsim::jaro_winkler(wanted, listed).max(strsim::jaro_winkler(&short_wanted, &short_listed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_listed_under_its_full_name_too() {
        let ids = ["qwen3:latest", "claude-opus-4-5-20251101", "qwen3-4b"];
        assert!(is_listed("qwen3", &ids));
        assert!(is_listed("claude-opus-4-5", &ids));
        assert!(is_listed("qwen3-4b", &ids));
        assert!(!is_listed("claude-opus-4", &ids));
        assert!(!is_listed("qwen3-4", &ids));
    }

    #[test]
    fn near_names_come_first_and_others_not_at_all() {
        let ids = [
            "gemma-3-4b",
            "minimax-m2.1",
            "lmstudio-community/MiniMax-M2.1-GGUF",
        ];
        assert_eq!(
            nearest("minimax-m2.1-gs32", &ids),
            ["minimax-m2.1", "lmstudio-community/MiniMax-M2.1-GGUF"]
        );
        assert!(nearest("llama-3.3-70b", &ids).is_empty());
    }
}
