//! Pictures as models take them: not too large a file, and not more pixels than help.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{
    DynamicImage, ImageDecoder, ImageReader, Limits, Rgb, RgbImage, metadata::Orientation,
};
use thiserror::Error;

use crate::files::images::media_type;

/// The largest picture file that is looked at, bytes.
pub(crate) const FILE_LIMIT: u64 = 32 * 1024 * 1024;
/// The largest picture that is shown to a model, bytes.
pub(crate) const SHOWN_LIMIT: usize = 5 * 1024 * 1024;
/// The longest side of a picture that is shown to a model, pixels.
const LONGEST_SIDE: u32 = 2000;
/// How a picture is written that has to shrink, best first: its longest side in pixels, and the quality in percent.
const SIZES: [(u32, u8); 4] = [
    (LONGEST_SIDE, 85),
    (LONGEST_SIDE, 60),
    (1200, 60),
    (800, 40),
];

/// A picture that can be shown to a model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: &'static str,
}

/// Why a file cannot be shown.
#[derive(Debug, Error)]
pub(crate) enum PictureError {
    #[error("What is there is no picture in PNG, JPEG, GIF or WebP.")]
    NoPicture,
    #[error(
        "The picture is too large to be shown as it is, and cannot be made smaller: it is damaged, or holds too many pixels."
    )]
    Broken,
}

/// Makes a picture small enough. One that is stays as it is.
pub(crate) fn fit(bytes: Vec<u8>) -> Result<Picture, PictureError> {
    let media_type = media_type(&bytes).ok_or(PictureError::NoPicture)?;
    let reader = ImageReader::new(Cursor::new(&bytes)).with_guessed_format();
    // What hides its size is shown to the model: it may know better.
    let sides = reader.ok().and_then(|reader| reader.into_dimensions().ok());
    let is_small = sides.is_none_or(|(width, height)| width.max(height) <= LONGEST_SIDE);
    if is_small && bytes.len() <= SHOWN_LIMIT {
        return Ok(Picture { bytes, media_type });
    }
    let bytes = shrink(&bytes).map_err(|_| PictureError::Broken)?;
    Ok(Picture {
        bytes,
        media_type: "image/jpeg",
    })
}

fn shrink(bytes: &[u8]) -> Result<Vec<u8>, image::ImageError> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut decoder = reader.into_decoder()?;
    // A small file can claim to be endless.
    Limits::default().reserve(decoder.total_bytes())?;
    // Cameras write down how they were held.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    let mut written = Vec::new();
    for (side, quality) in SIZES {
        if picture.width().max(picture.height()) > side {
            picture = picture.resize(side, side, FilterType::Triangle);
        }
        written.clear();
        JpegEncoder::new_with_quality(&mut written, quality).encode_image(&on_white(&picture))?;
        if written.len() <= SHOWN_LIMIT {
            break;
        }
    }
    Ok(written)
}

/// A JPEG has no transparency; what is seen through is mostly meant to be light.
fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let picture = picture.to_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [r, g, b, alpha] = picture.get_pixel(x, y).0.map(u16::from);
        // At most 255.
        #[allow(clippy::cast_possible_truncation)]
        Rgb([r, g, b].map(|c| ((c * alpha + 255 * (255 - alpha)) / 255) as u8))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use image::{ImageFormat, Rgba, RgbaImage};

    use super::*;

    fn png(picture: RgbaImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn seen(picture: &Picture) -> RgbImage {
        image::load_from_memory(&picture.bytes).unwrap().to_rgb8()
    }

    #[test]
    fn what_is_small_stays_as_it_is() {
        let small = png(RgbaImage::new(20, 2000));
        let picture = fit(small.clone()).unwrap();
        assert_eq!((picture.bytes, picture.media_type), (small, "image/png"));
        // A size that cannot be told is the model's business.
        let odd = b"GIF89a".to_vec();
        assert_eq!(fit(odd.clone()).unwrap().bytes, odd);
    }

    #[test]
    fn what_has_too_many_pixels_shrinks() {
        let wide = RgbaImage::from_pixel(3000, 30, Rgba([0, 0, 255, 255]));
        let picture = fit(png(wide)).unwrap();
        assert_eq!(picture.media_type, "image/jpeg");
        let seen = seen(&picture);
        assert_eq!(seen.dimensions(), (2000, 20));
        let [r, g, b] = seen.get_pixel(1000, 10).0;
        assert!(r < 20 && g < 20 && b > 235, "{r} {g} {b}");
    }

    #[test]
    fn what_is_seen_through_becomes_white() {
        let seen = seen(&fit(png(RgbaImage::new(2100, 10))).unwrap());
        assert!(seen.pixels().all(|pixel| pixel.0.iter().all(|c| *c > 250)));
    }

    #[test]
    fn a_file_that_is_too_large_shrinks_or_says_why() {
        // Behind its end, a PNG may hold anything.
        let mut large = png(RgbaImage::new(10, 10));
        large.resize(SHOWN_LIMIT + 1, 0);
        let picture = fit(large).unwrap();
        assert!(picture.bytes.len() < 10_000);
        assert_eq!(seen(&picture).dimensions(), (10, 10));
        let mut broken = b"\x89PNG\r\n\x1a\n".to_vec();
        broken.resize(SHOWN_LIMIT + 1, 0);
        let error = fit(broken).unwrap_err().to_string();
        assert!(error.contains("cannot be made smaller"), "{error}");
        assert!(matches!(
            fit(b"<svg>".to_vec()),
            Err(PictureError::NoPicture)
        ));
    }
}
