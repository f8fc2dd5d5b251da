//! Getting a picture from the web.

use std::time::Duration;

use thiserror::Error;
use url::Url;

use super::addresses::{self, AddressError};
use super::download::{DownloadError, Downloader};
use super::fetch::FetchSettings;

/// What is asked for.
const ACCEPTED: &str = "image/png, image/jpeg, image/webp, image/gif, image/*;q=0.5";

/// Gets pictures, under the rules by which pages are got.
pub(crate) struct PictureLoader {
    downloader: Downloader,
    timeout: Duration,
}

/// Why there is no picture.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(transparent)]
    Download(#[from] DownloadError),
    #[error("The server answered with status {0} instead of a picture.")]
    Status(u16),
    #[error("The picture is larger than {0} bytes.")]
    TooLarge(usize),
    #[error("The picture did not come within {0} s.")]
    TooSlow(f64),
}

impl PictureLoader {
    /// Connections are made when first needed.
    pub(crate) fn new(settings: FetchSettings) -> Self {
        Self {
            timeout: settings.timeout,
            downloader: settings.downloader(ACCEPTED),
        }
    }

    /// What stands at a URL, at most `limit` bytes.
    pub(crate) async fn load(&self, url: &Url, limit: u64) -> Result<Vec<u8>, LoadError> {
        addresses::check_form(url)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let download = tokio::time::timeout(self.timeout, self.downloader.get(url, limit)).await;
        let download = download.map_err(|_| LoadError::TooSlow(self.timeout.as_secs_f64()))??;
        match download.status {
            200..300 if download.is_cut => Err(LoadError::TooLarge(limit)),
            200..300 => Ok(download.body),
            status => Err(LoadError::Status(status)),
        }
    }
}
