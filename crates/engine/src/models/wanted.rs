//! What a person asks to pull.

use std::path::{Path, PathBuf};

use url::Url;

use super::curated::{CuratedModel, curated};
use super::installed::id_of_file;
use super::pull_error::PullError;

/// What a person asks to pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A model of the curated table.
    Curated(&'static CuratedModel),
    /// A file on the hub, and the id its name gives.
    Hub { id: String, file: HubFile },
    /// A file on this machine, and the id its name gives.
    Local { id: String, path: PathBuf },
}

/// A file of a repository on the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HubFile {
    /// `owner/name`.
    pub(super) repo: String,
    /// A branch, tag or commit.
    pub(super) revision: String,
    /// The path within the repository.
    pub(super) file: String,
}

impl Wanted {
    /// Reads a curated id, `hf:owner/repo[@revision]/path/file.gguf` or the path of a file.
    pub(super) fn parse(what: &str) -> Result<Self, PullError> {
        let what = what.trim();
        if let Some(address) = what.strip_prefix("hf:") {
            return HubFile::parse(address)
                .and_then(|file| {
                    let id = id_for(Path::new(&file.file))?;
                    Some(Self::Hub { id, file })
                })
                .ok_or_else(|| PullError::BadHubAddress {
                    address: what.to_owned(),
                })
                .and_then(Self::whole);
        }
        if let Some(model) = curated(what) {
            return Ok(Self::Curated(model));
        }
        let path = Path::new(what);
        let is_address = what.contains("://");
        match id_for(path).filter(|_| !is_address) {
            Some(id) => Self::whole(Self::Local {
                id,
                path: path.to_owned(),
            }),
            None => Err(PullError::UnknownModel {
                what: what.to_owned(),
            }),
        }
    }

    /// Refuses one part of a split model: alone it is of no use.
    fn whole(self) -> Result<Self, PullError> {
        let id = self.id();
        if is_split(id) {
            return Err(PullError::Split { id: id.to_owned() });
        }
        Ok(self)
    }

    /// The id the model gets.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Curated(model) => model.id,
            Self::Hub { id, .. } | Self::Local { id, .. } => id,
        }
    }
}

impl HubFile {
    fn parse(address: &str) -> Option<Self> {
        let mut segments = address.trim_start_matches('/').split('/');
        let owner = segments.next()?;
        let name = segments.next()?;
        let (name, revision) = name.split_once('@').unwrap_or((name, "main"));
        let path: Vec<_> = segments.collect();
        let names = [owner, name, revision];
        let is_plain = names.iter().all(|it| is_segment(it) && !it.contains('@'))
            && path.iter().all(|it| is_segment(it));
        (is_plain && !path.is_empty()).then(|| Self {
            repo: format!("{owner}/{name}"),
            revision: revision.to_owned(),
            file: path.join("/"),
        })
    }

    /// Where the hub has the file. `None` when the hub's address cannot carry a path.
    pub(super) fn url(&self, hub: &Url) -> Option<Url> {
        let mut url = hub.clone();
        url.set_query(None);
        url.set_fragment(None);
        url.path_segments_mut()
            .ok()?
            .pop_if_empty()
            .extend(self.repo.split('/'))
            .push("resolve")
            .push(&self.revision)
            .extend(self.file.split('/'));
        Some(url)
    }
}

impl std::fmt::Display for HubFile {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "hf:{}@{}/{}", self.repo, self.revision, self.file)
    }
}

/// Whether this is one step of a path, and one that stays what it is in a URL.
fn is_segment(text: &str) -> bool {
    let is_strange = |sign: char| sign.is_control() || sign == '\\';
    !text.is_empty() && !matches!(text, "." | "..") && !text.contains(is_strange)
}

/// The id of a file: its name in lower case, white space made `-`.
fn id_for(file: &Path) -> Option<String> {
    let id = id_of_file(file)?;
    Some(id.split_whitespace().collect::<Vec<_>>().join("-")).filter(|id| !id.is_empty())
}

/// Whether a name ends as llama.cpp names the parts of a split model: `-00001-of-00003`.
fn is_split(id: &str) -> bool {
    let is_count = |text: &str| text.len() == 5 && text.bytes().all(|it| it.is_ascii_digit());
    let mut ending = id.rsplitn(4, '-');
    let (all, of, part) = (ending.next(), ending.next(), ending.next());
    all.is_some_and(is_count) && of == Some("of") && part.is_some_and(is_count)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{HubFile, PullError, Wanted};

    fn url(what: &str, hub: &str) -> String {
        let Wanted::Hub { file, .. } = Wanted::parse(what).unwrap() else {
            panic!("{what} is a hub address");
        };
        file.url(&hub.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn hub_addresses_become_download_addresses() {
        let hub = "https://huggingface.co";
        assert_eq!(
            url("hf:Qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf", hub),
            "https://huggingface.co/Qwen/Qwen3-0.6B-GGUF/resolve/main/Qwen3-0.6B-Q8_0.gguf"
        );
        assert_eq!(
            url("hf:a/b@v1.0/sub folder/x?y.GGUF", "http://mirror:8080/hf/"),
            "http://mirror:8080/hf/a/b/resolve/v1.0/sub%20folder/x%3Fy.GGUF"
        );
    }

    #[test]
    fn the_id_is_the_lower_case_name() {
        let id = |what: &str| Wanted::parse(what).unwrap().id().to_owned();
        assert_eq!(id("hf:a/b/Qwen3-0.6B-Q8_0.gguf"), "qwen3-0.6b-q8_0");
        assert_eq!(id("./My Model.GGUF"), "my-model");
        assert_eq!(id("SmolLM2-135M"), "smollm2-135m");
    }

    #[test]
    fn what_cannot_be_pulled_is_refused() {
        for address in [
            "hf:",
            "hf:a",
            "hf:a/b",
            "hf:a/b/",
            "hf:a/b/c.bin",
            "hf:a/../c.gguf",
            "hf:a/b/../c.gguf",
            "hf:a/b//c.gguf",
            "hf:a/b@/c.gguf",
            "hf:a/b@x@y/c.gguf",
            "hf:a/b/.gguf",
            "hf:a\\b/c/d.gguf",
        ] {
            let refused = Wanted::parse(address);
            assert!(
                matches!(refused, Err(PullError::BadHubAddress { .. })),
                "{address}"
            );
        }
        for name in [
            "",
            "llama",
            "folder/model.bin",
            "https://example.com/a.gguf",
        ] {
            let refused = Wanted::parse(name);
            assert!(
                matches!(refused, Err(PullError::UnknownModel { .. })),
                "{name}"
            );
        }
        for split in ["hf:a/b/big-00001-of-00003.gguf", "big-00002-of-00003.gguf"] {
            assert!(
                matches!(Wanted::parse(split), Err(PullError::Split { .. })),
                "{split}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_out_of_the_folder(what: String) {
            if let Ok(wanted) = Wanted::parse(&what) {
                let path = super::super::installed::ModelFiles::new("/m".as_ref(), wanted.id());
                let model = path.model();
                proptest::prop_assert_eq!(model.parent(), Some("/m".as_ref()));
            }
        }

        #[test]
        fn every_hub_address_says_itself_again(
            repo in "[a-zA-Z0-9_.-]{1,8}x/[a-zA-Z0-9_.-]{1,8}x",
            revision in "[a-z0-9.]{0,6}z",
            path in "([a-z0-9 %+]{1,6}/){0,2}[a-z0-9 %+#?]{1,6}z\\.gguf",
        ) {
            let file = HubFile { repo, revision, file: path };
            let Wanted::Hub { file: again, .. } = Wanted::parse(&file.to_string()).unwrap() else {
                panic!("{file} is a hub address");
            };
            proptest::prop_assert_eq!(again, file);
        }
    }
}
