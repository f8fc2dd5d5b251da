//! Reading pages from a server on this machine, which the tool is told that it may reach.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use moltbot_agent::{Effect, Plan, TargetKind, ToolError};
use moltbot_llm::{Content, Provenance};
use moltbot_testkit::{Reply, Script, ScriptedServer, When};
use moltbot_tools::web::{FetchSettings, Lookup, Origin, WebFetch};
use serde_json::{Value, json};

use crate::call::{Stage, text};

/// A tool that may reach these servers, whatever `change` makes of its settings.
pub(crate) fn tool(
    servers: &[&ScriptedServer],
    change: impl FnOnce(&mut FetchSettings),
) -> WebFetch {
    let origins = servers
        .iter()
        .map(|server| Origin::of(&server.origin()).unwrap());
    let mut settings = FetchSettings {
        origins: origins.collect(),
        ..FetchSettings::default()
    };
    change(&mut settings);
    WebFetch::new(settings)
}

/// Fetches, and reads the JSON that the model is told.
pub(crate) async fn fetch(tool: &WebFetch, arguments: Value) -> Result<Value, String> {
    match Stage::new().await.call(tool, arguments).await {
        Ok(output) => {
            assert!(
                output
                    .content
                    .iter()
                    .all(|part| part.from() == Provenance::Outside)
            );
            let told: Value = serde_json::from_str(&text(&output)).unwrap();
            let is_success = (200..300).contains(&told["status"].as_u64().unwrap());
            assert_eq!(output.is_error, !is_success);
            Ok(told)
        }
        Err(error) => Err(error.to_string()),
    }
}

pub(crate) async fn serve(path: &str, reply: Reply) -> ScriptedServer {
    ScriptedServer::start(Script::new().on(When::get(path), reply)).await
}

pub(crate) fn html(body: &str) -> Reply {
    Reply::whole(200, "text/html; charset=utf-8", body)
}

pub(crate) fn to(location: &str) -> Reply {
    Reply::whole(302, "text/html", "").header("location", location)
}

#[tokio::test]
async fn a_page_is_told_as_markdown() {
    let sentence =
        "<p>Some <b>bold</b> words about ducks, ponds, and the weather of last week.</p>";
    let body = format!(
        "<title>Ducks</title><article><h2>Pond</h2>{}</article>",
        sentence.repeat(9)
    );
    let server = serve("/ducks", html(&body)).await;
    let tool = tool(&[&server], |_| {});
    let url = format!("{}/ducks?a=b#c", server.origin());

    let mut told = fetch(&tool, json!({"url": url})).await.unwrap();
    let text = told["text"].take();
    let text = text.as_str().unwrap();
    assert!(
        text.starts_with("## Pond\n\nSome **bold** words about ducks"),
        "{text}"
    );
    assert_eq!(told["length"], text.chars().count());
    assert!(told["fetchedAt"].as_str().unwrap().ends_with('Z'));
    assert!(told["tookMs"].is_u64());
    for (name, value) in [
        ("url", json!(url)),
        ("finalUrl", json!(url)),
        ("status", json!(200)),
        ("contentType", json!("text/html; charset=utf-8")),
        ("title", json!("Ducks")),
        ("extractMode", json!("markdown")),
        ("extractor", json!("readability")),
        ("truncated", json!(false)),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    assert!(told.get("cached").is_none());
    let asked = &server.requests()[0];
    assert_eq!(
        (asked.method.as_str(), asked.query.as_deref()),
        ("GET", Some("a=b"))
    );
    assert!(asked.header("user-agent").unwrap().contains("moltbot"));
    assert_eq!(asked.header("cookie"), None);
}

#[tokio::test]
async fn a_page_is_told_as_plain_text_and_cut() {
    let server = serve(
        "/",
        html(&format!("<h1>Über</h1><p>{}</p>", "wörter ".repeat(1000))),
    )
    .await;
    let tool = tool(&[&server], |settings| settings.max_chars = 300);
    for (asked, length) in [
        (json!(150), 150),
        (json!(1), 100),
        (json!(1e9), 300),
        (json!(null), 300),
    ] {
        let mut arguments = json!({"url": server.origin(), "extractMode": "text"});
        if !asked.is_null() {
            arguments["maxChars"] = asked;
        }
        let told = fetch(&tool, arguments).await.unwrap();
        let text = told["text"].as_str().unwrap();
        assert_eq!(
            (text.chars().count(), &told["length"]),
            (length, &json!(length))
        );
        assert!(text.starts_with("Über\n\nwörter wörter"), "{text}");
        assert_eq!(told["truncated"], true);
        assert_eq!(told["extractMode"], "text");
    }
}

#[tokio::test]
async fn json_is_set_out_and_text_left_alone() {
    let script = Script::new()
        .on(
            When::get("/json"),
            Reply::whole(200, "application/json", r#"{"b":[1,"\u202ex"],"a":{}}"#),
        )
        .on(
            When::get("/ld"),
            Reply::whole(200, "application/ld+json", "{}"),
        )
        .on(
            When::get("/bad"),
            Reply::whole(200, "application/json", "{\"cut"),
        )
        .on(
            When::get("/csv"),
            Reply::whole(200, "text/csv", "a,b\r\n<!-- c -->,d"),
        )
        .on(
            When::get("/feed"),
            Reply::whole(200, "application/rss+xml", "<rss/>"),
        )
        .on(
            When::get("/none"),
            Reply::whole(200, "", "<!DOCTYPE html><p>x</p><p hidden>y"),
        );
    let server = ScriptedServer::start(script).await;
    let tool = tool(&[&server], |_| {});
    for (path, extractor, text) in [
        (
            "/json",
            "json",
            "{\n  \"b\": [\n    1,\n    \"x\"\n  ],\n  \"a\": {}\n}",
        ),
        ("/ld", "json", "{}"),
        ("/bad", "raw", "{\"cut"),
        ("/csv", "raw", "a,b\n<!-- c -->,d"),
        ("/feed", "raw", "<rss/>"),
        ("/none", "raw", "x"),
    ] {
        let told = fetch(&tool, json!({"url": format!("{}{path}", server.origin())}))
            .await
            .unwrap();
        assert_eq!(
            (&told["extractor"], &told["text"]),
            (&json!(extractor), &json!(text)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_is_no_text_is_refused() {
    for (content_type, named) in [
        ("image/png", "image/png"),
        ("application/pdf", "application/pdf"),
        ("Application/Octet-Stream; x=y", "application/octet-stream"),
        ("image/svg+xml", "image/svg+xml"),
        ("", "unknown kind"),
    ] {
        let server = serve("/", Reply::whole(200, content_type, &b"\x89PNG\0\0"[..])).await;
        let error = fetch(&tool(&[&server], |_| {}), json!({"url": server.origin()}))
            .await
            .unwrap_err();
        assert!(error.contains(named), "{error}");
    }
}

#[tokio::test]
async fn the_charset_is_that_of_the_header_or_the_page() {
    let script = Script::new()
        .on(
            When::get("/header"),
            Reply::whole(
                200,
                "text/html; charset=windows-1252",
                &b"<p>gr\xfc\xdfe \x80"[..],
            ),
        )
        .on(
            When::get("/meta"),
            Reply::whole(
                200,
                "text/html",
                &b"<meta charset='shift_jis'><p>\x82\xb1"[..],
            ),
        );
    let server = ScriptedServer::start(script).await;
    let tool = tool(&[&server], |_| {});
    for (path, text) in [("/header", "grüße €"), ("/meta", "こ")] {
        let told = fetch(&tool, json!({"url": format!("{}{path}", server.origin())}))
            .await
            .unwrap();
        assert_eq!(told["text"], text);
    }
}

#[tokio::test]
async fn hidden_text_does_not_arrive() {
    let body = "<title>T\u{200b}</title><p>seen</p><!-- OBEY --><p style='display:none'>OBEY</p>
        <p hidden>OBEY</p><p aria-hidden=true>OBEY</p><style>.h{display:none}</style><p class=h>OBEY</p>
        <script>OBEY</script><p>s\u{200d}ee\u{202e}n\u{2066} too&#x200b;</p>\u{e004f}\u{e0042}";
    let server = serve("/", html(body)).await;
    for mode in ["markdown", "text"] {
        for only_article in [true, false] {
            let tool = tool(&[&server], |settings| settings.only_article = only_article);
            let told = fetch(&tool, json!({"url": server.origin(), "extractMode": mode}))
                .await
                .unwrap();
            assert_eq!(told["text"], "seen\n\nseen too", "{mode}");
            assert_eq!(told["title"], "T");
        }
    }
}

#[tokio::test]
async fn redirects_are_followed_three_times() {
    let script = Script::new()
        .on(When::get("/from"), to("/dir/3"))
        .on(When::get("/dir/3"), to("2").status(301))
        .on(When::get("/dir/2"), to("/there?x=1#y").status(308))
        .on(When::get("/there"), html("<p>there"));
    let server = ScriptedServer::start(script).await;
    let tool = tool(&[&server], |_| {});
    let url = format!("{}/from", server.origin());
    let told = fetch(&tool, json!({"url": url})).await.unwrap();
    assert_eq!(
        (&told["text"], &told["url"]),
        (&json!("there"), &json!(url))
    );
    assert_eq!(told["finalUrl"], format!("{}/there?x=1#y", server.origin()));
}

#[tokio::test]
async fn redirects_do_not_go_on_for_ever() {
    let next = moltbot_testkit::Responder::new(|asked| {
        let n: u32 = asked.path.trim_start_matches("/n/").parse().unwrap();
        to(&format!("/n/{}", n + 1))
    });
    let script = Script::new()
        .on(When::get("/n/"), next)
        .on(When::get("/circle"), to("/ring"))
        .on(When::get("/ring"), to("/circle"))
        .on(When::get("/self"), to("/self"));
    let server = ScriptedServer::start(script).await;
    let tool = tool(&[&server], |_| {});
    for (path, requests, says) in [
        ("/n/0", 4, "more than 3 times"),
        ("/circle", 2, "in a circle"),
        ("/self", 1, "in a circle"),
    ] {
        let before = server.requests().len();
        let error = fetch(&tool, json!({"url": format!("{}{path}", server.origin())}))
            .await
            .unwrap_err();
        assert!(error.contains(says), "{error}");
        assert_eq!(server.requests().len() - before, requests, "{path}");
    }
}

#[tokio::test]
async fn redirects_into_the_house_are_refused() {
    let inner = serve("/", html("<p>secret")).await;
    let other = serve("/", html("<p>secret")).await;
    for target in [
        inner.origin(),
        format!("http://localhost:{}/", inner.port()),
        format!("http://2130706433:{}/", inner.port()),
        format!("http://0x7f.1:{}/", inner.port()),
        format!("http://[::ffff:127.0.0.1]:{}/", inner.port()),
        format!("//127.0.0.1:{}/", inner.port()),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::1]/".to_owned(),
        "http://user:pass@example.com/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://".to_owned(),
        // A server of the owner's own, but not one that others may send requests to.
        other.origin(),
    ] {
        let server = serve("/", to(&target)).await;
        let tool = tool(&[&server, &other], |_| {});
        let error = fetch(&tool, json!({"url": server.origin()}))
            .await
            .unwrap_err();
        assert!(
            error.starts_with("The page redirects to where it may not lead."),
            "{target}: {error}"
        );
        assert!(
            !error.contains(&target),
            "a page's own words are not told as an error: {error}"
        );
    }
    assert_eq!(inner.requests().len() + other.requests().len(), 0);
    assert_eq!(
        inner.connections().accepted + other.connections().accepted,
        0
    );
}

#[tokio::test]
async fn this_machine_is_not_reached() {
    let server = serve("/", html("<p>secret")).await;
    let tool = tool(&[], |_| {});
    let port = server.port();
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://0177.0.0.1:{port}/"),
        format!("http://0:{port}/"),
        format!("http://[::ffff:7f00:1]:{port}/"),
    ] {
        let error = fetch(&tool, json!({"url": url})).await.unwrap_err();
        assert!(error.starts_with("Blocked"), "{url}: {error}");
    }
    assert_eq!(server.connections().accepted, 0);
}

#[tokio::test]
async fn other_urls_are_no_arguments() {
    let tool = tool(&[], |_| {});
    let stage = Stage::new().await;
    for (url, says) in [
        ("ftp://example.com/", "Invalid URL: must be http or https"),
        ("example.com", "Invalid URL: must be http or https"),
        ("https://me:secret@example.com/", "user name or password"),
    ] {
        let error = stage.call(&tool, json!({"url": url})).await.unwrap_err();
        assert!(
            matches!(&error, ToolError::Arguments(reason) if reason.contains(says)),
            "{error}"
        );
    }
}

/// A name server that answers one address after the other, the last one for ever.
pub(crate) struct Names {
    answers: Vec<Vec<IpAddr>>,
    pub(crate) asked: AtomicUsize,
}

impl Names {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self {
            answers: answers.iter().map(parse).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Lookup for Names {
    fn addresses(
        &self,
        _name: String,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.get(asked).or(self.answers.last()).cloned();
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }
}

#[tokio::test]
async fn names_of_private_addresses_are_refused() {
    let server = serve("/", html("<p>secret")).await;
    let names = Names::new(&[&[
        "127.0.0.1",
        "10.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "fd00:ec2::254",
    ]]);
    let tool = tool(&[], |settings| settings.lookup = names.clone());
    let url = format!("http://rebound.example:{}/", server.port());
    let error = fetch(&tool, json!({"url": url})).await.unwrap_err();
    assert!(
        error.starts_with("Blocked: resolves to private/internal IP address"),
        "{error}"
    );
    assert_eq!(server.connections().accepted, 0);
    // One look-up: there is no moment between check and connection at which the answer could become another.
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_configured_server_may_have_a_private_address_but_nobody_redirects_there_by_name() {
    let server = serve("/", html("<p>mine")).await;
    let outer = serve(
        "/",
        to(&format!("http://rebound.example:{}/", server.port())),
    )
    .await;
    let names = Names::new(&[&["127.0.0.1"]]);
    let tool = tool(&[&outer], |settings| {
        settings.lookup = names.clone();
        settings
            .origins
            .push(Origin::of(&format!("http://wiki.example:{}", server.port())).unwrap());
    });
    let url = format!("http://wiki.example:{}/", server.port());
    assert_eq!(
        fetch(&tool, json!({"url": url})).await.unwrap()["text"],
        "mine"
    );
    let error = fetch(&tool, json!({"url": outer.origin()}))
        .await
        .unwrap_err();
    assert!(
        error.starts_with("Blocked: resolves to private/internal IP address"),
        "{error}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_said_to_be_so() {
    let tool = tool(&[], |settings| settings.lookup = Names::new(&[]));
    let error = fetch(&tool, json!({"url": "http://nowhere.example/"}))
        .await
        .unwrap_err();
    assert_eq!(error, "nowhere.example could not be reached: no such name.");
}

#[tokio::test]
async fn an_endless_page_is_cut() {
    // The server goes on behind the limit, and never ends.
    let endless = Reply::whole(200, "text/plain", "x".repeat(5_000_001))
        .until_close()
        .hang();
    let server = serve("/", endless).await;
    let tool = tool(&[&server], |settings| settings.max_chars = 6_000_000);
    let told = fetch(&tool, json!({"url": server.origin()})).await.unwrap();
    assert_eq!(
        (&told["length"], &told["truncated"]),
        (&json!(5_000_000), &json!(true))
    );
    server.wait_for_cancel().await;
}

#[tokio::test]
async fn a_slow_page_is_given_up() {
    for slow in [
        html("").before_head(moltbot_testkit::Step::Hang),
        Reply::whole(200, "text/plain", "begins")
            .announced_length(100)
            .hang(),
    ] {
        let server = serve("/", slow).await;
        let tool = tool(&[&server], |settings| {
            settings.timeout = Duration::from_millis(300)
        });
        let error = fetch(&tool, json!({"url": server.origin()}))
            .await
            .unwrap_err();
        assert_eq!(
            error,
            "The page did not come within 0.3 s. Try another page."
        );
        server.wait_for_cancel().await;
    }
}

#[tokio::test]
async fn a_page_that_breaks_off_is_no_page() {
    let server = serve(
        "/",
        Reply::whole(200, "text/plain", "begins")
            .announced_length(100)
            .cut(),
    )
    .await;
    let error = fetch(&tool(&[&server], |_| {}), json!({"url": server.origin()}))
        .await
        .unwrap_err();
    assert!(
        error.starts_with("The connection to 127.0.0.1 broke off:"),
        "{error}"
    );
    server.shutdown();
    let error = fetch(&tool(&[&server], |_| {}), json!({"url": server.origin()}))
        .await
        .unwrap_err();
    assert!(
        error.starts_with("127.0.0.1 could not be reached:"),
        "{error}"
    );
}

#[tokio::test]
async fn a_compressed_page_is_refused() {
    let server = serve("/", html("\u{1f}").header("content-encoding", "gzip")).await;
    let error = fetch(&tool(&[&server], |_| {}), json!({"url": server.origin()}))
        .await
        .unwrap_err();
    assert!(error.contains("compressed"), "{error}");
}

#[tokio::test]
async fn an_error_page_is_told_as_one() {
    let body = format!("<title>Gone</title><p>{}", "No such page. ".repeat(1000));
    let server = serve("/", html(&body).status(404)).await;
    let tool = tool(&[&server], |_| {});
    for _ in 0..2 {
        let told = fetch(&tool, json!({"url": server.origin()})).await.unwrap();
        assert_eq!(
            (&told["status"], &told["title"]),
            (&json!(404), &json!("Gone"))
        );
        assert_eq!(
            (&told["length"], &told["truncated"]),
            (&json!(4000), &json!(true))
        );
    }
    assert_eq!(
        server.requests().len(),
        2,
        "what went wrong may go well next time"
    );
}

#[tokio::test]
async fn a_page_is_kept_for_a_while() {
    let server = serve("/", html("<p>kept")).await;
    let tool_that_keeps = tool(&[&server], |_| {});
    let url = server.origin();
    for (arguments, cached, requests) in [
        (json!({"url": url}), false, 1),
        (json!({"url": url}), true, 1),
        (json!({"url": format!("{url}/"), "maxChars": 200}), true, 1),
        (json!({"url": url, "extractMode": "text"}), false, 2),
        (json!({"url": format!("{url}/?other")}), false, 3),
    ] {
        let told = fetch(&tool_that_keeps, arguments.clone()).await.unwrap();
        assert_eq!(told.get("cached").is_some(), cached, "{arguments}");
        assert_eq!(told["text"], "kept");
        assert_eq!(server.requests().len(), requests, "{arguments}");
    }
    let tool_that_forgets = tool(&[&server], |settings| settings.keep = Duration::ZERO);
    for _ in 0..2 {
        fetch(&tool_that_forgets, json!({"url": url}))
            .await
            .unwrap();
    }
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn what_is_decided_on_is_the_url_as_it_will_be_asked() {
    let stage = Stage::new().await;
    let tool = tool(&[], |_| {});
    for (url, detail) in [
        (" https://Example.com/a ", "https://example.com/a"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("not a url", "not a url"),
    ] {
        let plan = stage.plan(&tool, json!({"url": url}));
        assert_eq!(
            plan,
            Plan::new(Effect::ReadsOutside, detail).on(TargetKind::Url, detail)
        );
    }
    assert_eq!(stage.plan(&tool, json!({})).detail, "");
}

#[test]
fn the_configuration_says_how_pages_are_read() {
    let settings =
        |config: Value| FetchSettings::from_config(&serde_json::from_value(config).unwrap());
    assert!(settings(json!({"enabled": false})).is_none());
    let default = settings(json!({})).unwrap();
    assert_eq!((default.max_chars, default.max_redirects), (50_000, 3));
    assert_eq!(default.keep, Duration::from_secs(900));
    assert!(default.origins.is_empty());
    let own = settings(json!({
        "maxChars": 1000, "timeoutSeconds": 5, "cacheTtlMinutes": 0.5, "maxRedirects": 0,
        "userAgent": "me", "readability": false
    }))
    .unwrap();
    assert_eq!(
        (own.max_chars, own.max_redirects, own.only_article),
        (1000, 0, false)
    );
    assert_eq!(
        (own.timeout, own.keep),
        (Duration::from_secs(5), Duration::from_secs(30))
    );
    assert_eq!(own.user_agent, "me");
}

#[tokio::test]
async fn a_page_is_text_from_outside() {
    let server = serve("/", html("<p>x")).await;
    let output = Stage::new()
        .await
        .call(&tool(&[&server], |_| {}), json!({"url": server.origin()}))
        .await
        .unwrap();
    assert!(matches!(
        output.content.as_slice(),
        [Content::Text {
            from: Provenance::Outside,
            ..
        }]
    ));
}
