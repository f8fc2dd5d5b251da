//! The known name that a misspelt one most likely meant.

/// The candidate nearest to `word`, or `None` when none is near enough to be meant.
///
/// Case is ignored, so `baseURL` finds `baseUrl`. A quarter of the letters may be wrong (swapped neighbours
/// count once), and at least one.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = word.to_lowercase();
    let allowed = 1 + lower.chars().count() / 4;
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .map(|candidate| {
            let distance = strsim::osa_distance(&lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        // A one-letter name is one edit away from every other one.
        .filter(|(distance, candidate)| {
            *distance <= allowed && *distance < candidate.chars().count()
        })
        .min_by_key(|(distance, candidate)| (*distance, candidate.len()))
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant() {
        let known = ["baseUrl", "apiKey", "contextWindow", "models"];
        assert_eq!(nearest("baseURL", known).as_deref(), Some("baseUrl"));
        assert_eq!(
            nearest("contxtWindow", known).as_deref(),
            Some("contextWindow")
        );
        assert_eq!(nearest("apikye", known).as_deref(), Some("apiKey"));
    }

    #[test]
    fn offers_nothing_far_fetched() {
        assert_eq!(nearest("colour", ["baseUrl", "apiKey"]), None);
        assert_eq!(nearest("x", ["a", "b"]), None);
        assert_eq!(nearest("", ["a"]), None);
    }
}
