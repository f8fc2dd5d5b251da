//! Where data may go: a model outside is never asked, and is named.

use moltbot_config::{Config, Environment};
use moltbot_llm::{Catalog, CatalogError, Event, Places};
use moltbot_testkit::{Part, Script, ScriptedServer, When, error, openai_chat};
use serde_json::{Value, json};

use crate::fixture::{config, hi, over};

/// The example of the guide, loaded as a person's file is: nothing in it is unknown or without effect.
fn example() -> Config {
    let guide = include_str!("../../../../docs/regions.md");
    let block = guide
        .split("```json5\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let environment = Environment::from_process();
    let snapshot = moltbot_config::load_text(&environment, block.unwrap()).unwrap();
    assert!(snapshot.warnings.is_empty(), "{:?}", snapshot.warnings);
    assert!(snapshot.notices.is_empty(), "{:?}", snapshot.notices);
    snapshot.config
}

fn names(catalog: &Catalog, agent: Option<&str>, places: &Places) -> (Vec<String>, Vec<String>) {
    let (rungs, none) = catalog.chain(None, agent, false).unwrap();
    assert!(none.is_empty(), "{none:?}");
    let (inside, outside) = Catalog::within(rungs, places).unwrap();
    (
        inside.iter().map(|m| m.reference.to_string()).collect(),
        outside.iter().map(ToString::to_string).collect(),
    )
}

#[test]
fn the_guide_s_example_does_what_it_says() {
    let config = example();
    let catalog = Catalog::new(&config, &[]);
    let main = Places::only(config.agents().places("main"));
    assert!(!main.is_bound());
    let (all, none) = names(&catalog, Some("main"), &main);
    assert_eq!((all.len(), none.len()), (4, 0));

    let records = Places::only(config.agents().places("records"));
    let (inside, outside) = names(&catalog, Some("records"), &records);
    assert_eq!(inside, ["openrouter-eu/z-ai/glm-4.7"]);
    assert_eq!(outside.len(), 3);
    assert!(outside[0].contains("in \"us\""), "{}", outside[0]);
    assert!(
        outside[2].contains("models.providers.anthropic.region does not say where"),
        "{}",
        outside[2]
    );
}

#[test]
fn routing_wishes_of_a_model_are_laid_over_those_of_its_provider() {
    let config = example();
    let model = Catalog::new(&config, &[]).resolve("MiniMax").unwrap();
    let body: Value = serde_json::from_slice(&moltbot_llm::encode(&model, &hi())).unwrap();
    assert_eq!(
        body["provider"],
        json!({"data_collection": "deny", "only": ["fireworks", "together"], "allow_fallbacks": false})
    );
}

#[test]
fn a_place_is_local_declared_or_unknown() {
    let config = config(json!({"models": {"providers": {
        "house": {"baseUrl": "http://192.168.1.7:1234/v1", "models": [{"id": "m", "name": "M"}]},
        "tunnel": {"baseUrl": "http://127.0.0.1:9000/v1", "region": "EU", "models": [{"id": "m", "name": "M"}]},
        "cloud": {"baseUrl": "https://models.example.com/v1", "models": [
            {"id": "m", "name": "M"}, {"id": "us", "name": "US", "region": "us"}]},
    }}}));
    let catalog = Catalog::new(&config, &["tiny".to_owned()]);
    let place = |name: &str| moltbot_llm::place(&catalog.resolve(name).unwrap());
    assert_eq!(place("house/m").as_deref(), Some("local"));
    assert_eq!(place("local/tiny").as_deref(), Some("local"));
    assert_eq!(place("tunnel/m").as_deref(), Some("eu"));
    assert_eq!(place("cloud/us").as_deref(), Some("us"));
    assert_eq!(place("cloud/m"), None);
    let admits =
        |places: &[&str], name: &str| Places::only(places).admit(&catalog.resolve(name).unwrap());
    assert!(admits(&["Local "], "house/m") && !admits(&["local"], "tunnel/m"));
    assert!(!admits(&["local", "eu", "us"], "cloud/m"));
    assert!(admits(&["cloud"], "cloud/m") && admits(&[], "cloud/m"));
}

#[tokio::test]
async fn a_model_outside_is_not_asked_even_when_all_others_fail() {
    let failing = Script::new().on(When::any(), error(500, "{}"));
    let inside = ScriptedServer::start(failing).await;
    let answering = Script::new().on(When::any(), openai_chat(&[Part::Text("Hello.")]));
    let outside = ScriptedServer::start(answering).await;
    let config = config(json!({
        "models": {"providers": {
            "house": {"baseUrl": inside.base_url(), "models": [{"id": "m", "name": "M"}]},
            "far": {"baseUrl": outside.base_url(), "region": "us", "models": [{"id": "m", "name": "M"}]},
        }},
        "agents": {"defaults": {"model": {"primary": "house/m", "fallbacks": ["far/m"]}}},
    }));
    let (rungs, _) = Catalog::new(&config, &[]).chain(None, None, false).unwrap();
    let (rungs, left_out) = Catalog::within(rungs, &Places::only(["local"])).unwrap();
    assert_eq!(left_out.len(), 1);
    let mut switches = 0;
    let mut count = |event| switches += usize::from(matches!(event, Event::NextModel { .. }));
    let ladder = over(Default::default(), rungs.clone());
    assert!(ladder.run(&hi(), &mut count).await.is_err());
    assert_eq!(switches, 0);
    assert!(outside.requests().is_empty());

    let nowhere = Catalog::within(rungs, &Places::only(["eu"])).unwrap_err();
    assert!(matches!(nowhere, CatalogError::NowhereToGo { .. }));
    assert!(nowhere.to_string().contains("house/m"), "{nowhere}");
}
