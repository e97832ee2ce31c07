//! Style sheet, script and icon, built into the program. Their addresses hold their hashes, so that browsers keep them.

use std::io::Write as _;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// A file that pages refer to.
pub(crate) struct Asset {
    name: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) text: &'static str,
    /// The text in gzip format.
    gzip: LazyLock<Vec<u8>>,
}

/// The style sheet.
pub(crate) static STYLE: Asset = Asset {
    name: "style.css",
    kind: "text/css; charset=utf-8",
    text: include_str!("assets/style.css"),
    gzip: LazyLock::new(|| gzip(STYLE.text)),
};
/// The script.
pub(crate) static SCRIPT: Asset = Asset {
    name: "app.js",
    kind: "text/javascript; charset=utf-8",
    text: include_str!("assets/app.js"),
    gzip: LazyLock::new(|| gzip(SCRIPT.text)),
};
/// The icon.
pub(crate) static ICON: Asset = Asset {
    name: "icon.svg",
    kind: "image/svg+xml",
    text: include_str!("assets/icon.svg"),
    gzip: LazyLock::new(|| gzip(ICON.text)),
};

static ALL: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];

/// The first hexadecimal digits of the hash of all files.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in ALL {
        hash.update(asset.text);
    }
    hex::encode(&hash.finalize()[..8])
});

impl Asset {
    /// Returns the path of the file.
    pub(crate) fn path(&self) -> String {
        format!("/assets/{}/{}", *VERSION, self.name)
    }

    /// Returns the text in gzip format.
    pub(crate) fn gzip(&'static self) -> &'static [u8] {
        &self.gzip
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // writing into memory does not fail
    let written = encoder.write_all(text.as_bytes());
    written.and_then(|()| encoder.finish()).unwrap_or_default()
}

/// Returns the file of this name.
pub(crate) fn find(name: &str) -> Option<&'static Asset> {
    ALL.iter().find(|asset| asset.name == name).copied()
}

/// Whether this is the version of the files, as [`Asset::path`] has it.
pub(crate) fn is_current(version: &str) -> bool {
    version == *VERSION
}
