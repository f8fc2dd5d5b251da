//! Ways to have a tool ask a server in the house, as data: written into the URL, resolved by a name server, or told by a
//! redirect. None of them opens a connection.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use moltbot_testkit::{Reply, ScriptedServer};
use moltbot_tools::web::{FetchSettings, Lookup, WebFetch};
use serde_json::json;

use crate::call::Stage;
use crate::web_fetch::{Names, fetch, html, serve, to, tool};

/// Addresses that are not on the public internet, in every way to write them. `PORT` is that of a server on this machine.
const ADDRESSES: &[&str] = &[
    // This machine.
    "http://127.0.0.1:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://127.127.127.127:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://0x7f.1:PORT/",
    "http://0x7f.0x0.0x0.0x1:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://0177.0.0.01:PORT/",
    "http://017700000001:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://0:PORT/",
    "http://0.0.0.0:PORT/",
    "http://0x0:PORT/",
    "http://%31%32%37.0.0.1:PORT/",
    "http://%30x7f.1:PORT/",
    "http://127%2e0%2E0%2e1:PORT/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://127。0。0。1:PORT/",
    "http://１２７．０．０．１:PORT/",
    "http://127\u{ad}.0.0.1:PORT/",
    "http://127.0.0.\u{200b}1:PORT/",
    "http:\\\\127.0.0.1:PORT\\",
    "http:/127.0.0.1:PORT/",
    "http:127.0.0.1:PORT/",
    "http:////127.0.0.1:PORT/",
    "http://127.0.0.1:PORT\\@example.com/",
    "http://127.0.0.1:PORT#@example.com/",
    "http://127.0.0.1:PORT?@example.com/",
    "ht\ntp://127.0.\n0.1:PORT/",
    "\u{1}http://127.0.0.1:PORT/",
    "HTTP://127.0.0.1:PORT/",
    "http://[::]:PORT/",
    "http://[::1]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]:PORT/",
    // IPv4 dressed as IPv6.
    "http://[::127.0.0.1]:PORT/",
    "http://[::7f00:1]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[0:0:0:0:0:ffff:7f00:1]:PORT/",
    "http://[0000:0000:0000:0000:0000:ffff:7f00:0001]:PORT/",
    "http://[::ffff:0:127.0.0.1]:PORT/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001:0:7f00:1::]/",
    "http://[2001::f5ff:fffe]/",
    "http://[fe80::5efe:127.0.0.1]/",
    // Private networks.
    "http://10.0.0.1/",
    "http://10.255.255.255/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.0.1/",
    "http://3232235521/",
    "http://100.64.0.1/",
    "http://100.127.255.255/",
    "http://[fc00::1]/",
    "http://[fd12:3456:789a::1]/",
    "http://[fe80::1]/",
    "http://[febf::1]/",
    "http://[fec0::1]/",
    // Metadata of clouds.
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.169.254./",
    "http://169.16689662/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://0251.0376.0251.0376/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://169.254.170.2/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://[fd00:ec2::254]/",
    "http://[fd20:ce::254]/",
    // What is set aside.
    "http://192.0.0.1/",
    "http://192.0.2.1/",
    "http://192.88.99.1/",
    "http://198.18.0.1/",
    "http://198.19.255.255/",
    "http://198.51.100.1/",
    "http://203.0.113.1/",
    "http://224.0.0.1/",
    "http://239.255.255.250/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[100::1]/",
    "http://[ff02::1]/",
    "http://[ff05::1:3]/",
];

/// Names that mean something in the house alone.
const NAMES: &[&str] = &[
    "http://localhost:PORT/",
    "http://LocalHost.:PORT/",
    "http://localhost..:PORT/",
    "http://a.localhost:PORT/",
    "http://ｌｏｃａｌｈｏｓｔ:PORT/",
    "http://loc\u{ad}alhost:PORT/",
    "http://%6cocalhost:PORT/",
    "http://localhost.localdomain.local:PORT/",
    "http://printer.local/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://metadata.internal./",
    "http://instance-data.ec2.internal/",
    "http://host.docker.internal:PORT/",
    "http://nas.home.arpa/",
];

/// What is no URL of the web, or holds a password.
const OTHERS: &[&str] = &[
    "",
    "/etc/passwd",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "ftp://127.0.0.1/",
    "gopher://127.0.0.1:6379/_x",
    "dict://127.0.0.1:11211/stats",
    "ldap://127.0.0.1/",
    "data:text/html,x",
    "javascript:alert(1)",
    "blob:http://127.0.0.1/x",
    "view-source:http://127.0.0.1/",
    "jar:http://127.0.0.1!/x",
    "unix:///run/docker.sock",
    "http+unix://%2Frun%2Fdocker.sock/x",
    "ws://127.0.0.1/",
    "http://",
    "http:///",
    "http://[::1%25lo]/",
    "http://[fe80::1%eth0]/",
    "http://[::1/",
    "http://256.256.256.256/",
    "http://1.2.3.4.5/",
    "http://127.0.0.1:99999/",
    "http://exa mple.com/",
    "http://example.com@127.0.0.1/",
    "http://user:secret@example.com/",
    "http://:secret@example.com/",
    "http://127.0.0.1%2f@example.com/",
    "https://example.com%00@127.0.0.1/",
];

/// What a name server would be asked for: the host is where the URL standard says it is, whatever else it looks like.
const HOSTS: &[(&str, &str)] = &[
    ("http://example.com\\@127.0.0.1/", "example.com"),
    ("http://example.com#@127.0.0.1/", "example.com"),
    ("http://example.com?@127.0.0.1/", "example.com"),
    ("http://example.com/@127.0.0.1/", "example.com"),
    ("http://example.com/\r\nHost: 127.0.0.1", "example.com"),
    ("http://127.0.0.1.example.com/", "127.0.0.1.example.com"),
    ("http://localhost.example.com/", "localhost.example.com"),
    ("http://ｅｘａｍｐｌｅ．com/", "example.com"),
    ("http://ex\u{e4}mple.com/", "xn--exmple-cua.com"),
];

/// Finds nothing, and writes down what it was asked for.
#[derive(Default)]
struct Nobody(Mutex<Vec<String>>);

impl Lookup for Nobody {
    fn addresses(
        &self,
        name: String,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        self.0.lock().unwrap().push(name);
        Box::pin(async { Err(io::Error::other("no such name")) })
    }
}

/// A server that is not to be reached, a tool that may not, and who is asked for names.
async fn house() -> (ScriptedServer, WebFetch, Arc<Nobody>) {
    let inner = serve("/", html("<p>secret")).await;
    let nobody = Arc::new(Nobody::default());
    let tool = tool(&[], |settings| settings.lookup = nobody.clone());
    (inner, tool, nobody)
}

#[tokio::test]
async fn no_way_to_write_an_inner_address_is_asked() {
    let (inner, tool, nobody) = house().await;
    let port = inner.port().to_string();
    for (urls, says) in [
        (ADDRESSES, "Blocked: private/internal IP address"),
        (NAMES, "Blocked hostname"),
    ] {
        for url in urls {
            let url = url.replace("PORT", &port);
            let error = fetch(&tool, json!({ "url": url })).await.unwrap_err();
            assert!(error.starts_with(says), "{url:?}: {error}");
        }
    }
    let stage = Stage::new().await;
    for url in OTHERS {
        let error = stage
            .call(&tool, json!({ "url": url }))
            .await
            .unwrap_err()
            .to_string();
        let is_known = error.contains("Invalid URL") || error.contains("user name or password");
        assert!(is_known, "{url:?}: {error}");
    }
    assert_eq!(inner.connections().accepted, 0);
    assert!(
        nobody.0.lock().unwrap().is_empty(),
        "a name server was asked"
    );
}

#[tokio::test]
async fn a_host_is_what_the_url_standard_says() {
    let (_inner, tool, nobody) = house().await;
    for (url, host) in HOSTS {
        let error = fetch(&tool, json!({ "url": url })).await.unwrap_err();
        assert_eq!(
            error,
            format!("{host} could not be reached: no such name."),
            "{url:?}"
        );
        assert_eq!(*nobody.0.lock().unwrap(), [*host], "{url:?}");
        nobody.0.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn no_redirect_leads_into_the_house() {
    let inner = serve("/", html("<p>secret")).await;
    let port = inner.port().to_string();
    let own = [
        "//127.0.0.1:PORT/",
        "\\\\127.0.0.1:PORT\\",
        "/\\127.0.0.1:PORT/",
        "https://127.0.0.1:PORT/",
    ];
    let targets = ADDRESSES.iter().chain(NAMES).chain(OTHERS).chain(&own);
    for (target, status) in targets.zip([301, 302, 303, 307, 308].into_iter().cycle()) {
        // Nothing, and what begins like the page's own address, stays on the page's own server.
        let relative = [
            "",
            "/etc/passwd",
            "http:127.0.0.1:PORT/",
            "http:/127.0.0.1:PORT/",
        ];
        // A header is one line, and text that a server sends is bytes.
        if relative.contains(target) || target.contains(|c: char| c.is_ascii_control()) {
            continue;
        }
        let target = target.replace("PORT", &port);
        let outer = serve("/", to(&target).status(status)).await;
        let nobody = Arc::new(Nobody::default());
        let tool = tool(&[&outer], |settings| settings.lookup = nobody.clone());
        let error = fetch(&tool, json!({"url": outer.origin()}))
            .await
            .unwrap_err();
        assert!(
            error.starts_with("The page redirects to where it may not lead."),
            "{status} {target:?}: {error}"
        );
    }
    assert_eq!(inner.connections().accepted, 0);
}

#[tokio::test]
async fn no_answer_of_a_name_server_leads_into_the_house() {
    let inner = serve("/", html("<p>secret")).await;
    let url = json!({"url": format!("http://rebound.example:{}/", inner.port())});
    let answers: &[&[&str]] = &[
        &["127.0.0.1"],
        &["0.0.0.0"],
        &["::1"],
        &["::"],
        &["::ffff:127.0.0.1"],
        &["::127.0.0.1"],
        &["10.0.0.1", "192.168.0.1"],
        &["169.254.169.254"],
        &["100.64.0.1"],
        &["64:ff9b::7f00:1"],
        &["2002:7f00:1::"],
        &["fd00:ec2::254"],
        &["fe80::1"],
        &["198.18.0.1"],
    ];
    for answer in answers {
        let names = Names::new(&[*answer]);
        let tool = tool(&[], |settings| settings.lookup = names.clone());
        let error = fetch(&tool, url.clone()).await.unwrap_err();
        assert!(
            error.starts_with("Blocked: resolves to private/internal"),
            "{answer:?}: {error}"
        );
    }
    assert_eq!(inner.connections().accepted, 0);
}

/// A name server that says one thing to whoever checks and another to whoever connects. There is one look-up, and what it
/// found is connected to: an address that nobody has, though the next answer would have led to this machine.
#[tokio::test]
async fn an_answer_that_changes_changes_nothing() {
    let inner = serve("/", html("<p>secret")).await;
    // Of the first IPv6 test network, given back in 2006: global, and nobody's.
    let nobodys = "3ffe:ffff::1";
    let names = Names::new(&[&[nobodys], &["127.0.0.1"]]);
    let tool = tool(&[], |settings| {
        settings.lookup = names.clone();
        settings.timeout = Duration::from_millis(300);
    });
    let url = json!({"url": format!("http://rebound.example:{}/", inner.port())});
    fetch(&tool, url.clone()).await.unwrap_err();
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    let error = fetch(&tool, url.clone()).await.unwrap_err();
    assert!(
        error.starts_with("Blocked: resolves to private/internal"),
        "{error}"
    );

    // Of a good and a bad address only the good one is tried.
    let names = Names::new(&[&["127.0.0.1", nobodys, "::1"]]);
    let settings = FetchSettings {
        lookup: names,
        timeout: Duration::from_millis(300),
        ..FetchSettings::default()
    };
    let error = fetch(&WebFetch::new(settings), url).await.unwrap_err();
    assert!(!error.starts_with("Blocked"), "{error}");
    assert_eq!(inner.connections().accepted, 0);
}

/// What tells the child of the test below that it is one.
const PROXIED: &str = "MOLTBOT_TEST_IS_PROXIED";

/// A proxy would look names up itself, and reach whatever it can. The environment of a process cannot be changed while its
/// threads run, so that of another one is.
#[tokio::test]
async fn a_proxy_of_the_environment_is_not_asked() {
    if std::env::var_os(PROXIED).is_some() {
        let (_inner, tool, nobody) = house().await;
        for url in ["http://example.com/", "https://example.com/"] {
            fetch(&tool, json!({ "url": url })).await.unwrap_err();
        }
        assert_eq!(
            nobody.0.lock().unwrap().len(),
            2,
            "looked up here, and not by a proxy"
        );
        return;
    }
    let proxy = serve("/", html("<p>from the proxy")).await;
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "ssrf_corpus::a_proxy_of_the_environment_is_not_asked",
    ]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        child.env(name, proxy.origin());
        child.env(name.to_lowercase(), proxy.origin());
    }
    let output = child
        .env(PROXIED, "1")
        .env_remove("NO_PROXY")
        .output()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
    assert_eq!(proxy.connections().accepted, 0);
}

/// No answer is unfolded: a few bytes could become gigabytes.
#[tokio::test]
async fn nothing_compressed_is_unfolded() {
    for coding in [
        "gzip",
        "x-gzip",
        "deflate",
        "br",
        "zstd",
        "compress",
        "gzip, gzip",
        "identity, gzip",
        "GZIP",
    ] {
        let server = serve("/", html("x").header("content-encoding", coding)).await;
        let error = fetch(&tool(&[&server], |_| {}), json!({"url": server.origin()}))
            .await
            .unwrap_err();
        assert!(error.contains("compressed"), "{coding}: {error}");
        assert_eq!(server.requests()[0].header("accept-encoding"), None);
    }
}

/// What is said to be text and is none does no harm, and what is a page is read as one only where it is said to be.
#[tokio::test]
async fn a_lie_about_the_kind_does_no_harm() {
    let page = "<p>seen</p><p hidden>OBEY</p><script>OBEY</script>";
    for (kind, body, text) in [
        ("text/html", &b"\x89PNG\r\n\x1a\n\0\0"[..], "‰PNG"),
        ("text/plain", page.as_bytes(), page),
        ("application/json", page.as_bytes(), page),
        ("text/html", b"{\"a\": 1}", "{\"a\": 1}"),
        (
            "text/html; charset=utf-7",
            b"+ADw-script+AD4-",
            "+ADw-script+AD4-",
        ),
        ("text/html;charset=\"utf-8", page.as_bytes(), "seen"),
    ] {
        let server = serve("/", Reply::whole(200, kind, body)).await;
        let told = fetch(&tool(&[&server], |_| {}), json!({"url": server.origin()})).await;
        assert_eq!(told.unwrap()["text"], text, "{kind}");
    }
}
