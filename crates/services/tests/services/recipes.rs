//! The recipes of the manual, as people paste them.

use moltbot_config::{Environment, load_text};
use moltbot_services::{Launcher, Services};

const MANUAL: &str = include_str!("../../../../docs/services.md");

/// The blocks of a language in a Markdown text.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    text.split(&opening)
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap())
        .collect()
}

#[test]
fn every_recipe_is_a_valid_configuration_with_a_service() {
    let blocks = blocks(MANUAL, "json5");
    assert!(blocks.len() >= 5, "{} blocks", blocks.len());
    let home = tempfile::tempdir().unwrap();
    let environment = Environment {
        home: home.path().to_owned(),
        cwd: home.path().to_owned(),
        ..Environment::default()
    };
    for block in blocks {
        let snapshot = load_text(&environment, block).unwrap_or_else(|e| panic!("{e}\n{block}"));
        assert!(
            snapshot.warnings.is_empty(),
            "{:?}\n{block}",
            snapshot.warnings
        );
        assert!(
            snapshot.notices.is_empty(),
            "{:?}\n{block}",
            snapshot.notices
        );
        let launcher = Launcher {
            program: "moltbot".into(),
            args: Vec::new(),
        };
        let services = Services::new(&snapshot.config, &environment, &snapshot.paths, launcher);
        for (id, provider) in snapshot.config.providers() {
            let spec = services
                .spec(id)
                .unwrap_or_else(|| panic!("{id} has no service"));
            // The server listens where the provider says.
            let port = provider.base_url.split(':').nth(2).unwrap();
            let port = port.split('/').next().unwrap();
            let words = spec.args.iter().chain(spec.env.values());
            assert!(
                words.clone().any(|word| word.contains(port)),
                "{id} does not listen at {port}"
            );
            assert_eq!(
                spec.memory.is_some(),
                provider.service.as_ref().unwrap().memory.is_some()
            );
            assert!(!provider.models.is_empty(), "{id} names no model");
        }
    }
}
