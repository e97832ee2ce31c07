//! Checks that the keys are there, safe, and of one pair.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cybexp_seal::{Format, PrivateKey};
use cybexp_service::{Config, read_private_key, read_public_key};

use super::sheet::Checklist;

pub(super) fn check(sheet: &mut Checklist, config: &Config) {
    let public = read_public_key(&config.api.public_key);
    match &public {
        Ok(key) => {
            let file = config.api.public_key.display();
            sheet.good(format!("public key of {} bits: {file}", key.bits()));
        }
        Err(error) => sheet.wrong(
            root(error),
            "cybexp-api needs it: `cybexp keygen` makes a pair, or copy the pub.pem that fits the private key",
        ),
    }
    let mut files = vec![&config.archive.private_key];
    files.extend(Some(&config.report.private_key).filter(|file| *file != files[0]));
    for file in files {
        let key = match read_private_key(file) {
            Ok(key) => key,
            Err(error) => {
                sheet.wrong(
                    root(&error),
                    "cybexp-archive and cybexp-report need it: `cybexp keygen` makes a pair; where only the API runs, it \
                     is right that it is missing",
                );
                continue;
            }
        };
        safe(sheet, file, key.bits());
        if let Ok(public) = &public {
            let sealed = public.seal(Format::Jwe, b"a round trip");
            match sealed.is_ok_and(|sealed| fits(&key, &sealed)) {
                true => sheet.good("what the public key seals, the private key opens"),
                false => sheet.wrong(
                    format!("{} does not open what the public key seals", file.display()),
                    "they are of two pairs: find the one that fits, for new submissions cannot be opened",
                ),
            }
        }
    }
}

fn fits(key: &PrivateKey, sealed: &[u8]) -> bool {
    key.open(sealed)
        .is_ok_and(|opened| opened == b"a round trip")
}

fn safe(sheet: &mut Checklist, file: &Path, bits: usize) {
    let shown = file.display();
    let mode = std::fs::metadata(file).map(|meta| meta.permissions().mode() & 0o777);
    match mode {
        Ok(mode) if mode & 0o007 != 0 => sheet.wrong(
            format!("everybody on this machine can read the private key {shown}"),
            format!("chmod 600 {shown}"),
        ),
        _ => sheet.good(format!("private key of {bits} bits: {shown}")),
    }
}

/// Returns the text of an error without its outermost context, which is written for daemons.
fn root(error: &anyhow::Error) -> String {
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    causes.join(": ")
}
