//! `cybexp keygen`: makes the pair of keys, and the secret of tokens.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use cybexp_seal::PrivateKey;
use cybexp_service::config::Secret;
use cybexp_service::{Config, ConfigError};
use tempfile::NamedTempFile;

use crate::random::random_text;
use cybexp_term::{DIM, GREEN};

/// The characters of a secret: 256 bits.
const SECRET_CHARS: usize = 43;

#[derive(clap::Args)]
pub(crate) struct KeygenArgs {
    /// The folder to write priv.pem and pub.pem into [default: the files that archive.private_key and api.public_key of the
    /// configuration name]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// The size of the key in bits
    #[arg(long, default_value = "3072", value_parser = bits())]
    bits: u32,
    /// Replace existing keys; submissions sealed for them can then be opened only with a copy of the old key
    #[arg(long)]
    force: bool,
}

fn bits() -> impl TypedValueParser<Value = u32> {
    let parse = |bits: String| bits.parse::<u32>();
    PossibleValuesParser::new(["2048", "3072", "4096"]).try_map(parse)
}

pub(super) fn run(
    args: &KeygenArgs,
    config: impl Fn() -> Result<Config, ConfigError>,
) -> anyhow::Result<ExitCode> {
    let (private, public, secret) = match &args.dir {
        Some(folder) => (folder.join("priv.pem"), folder.join("pub.pem"), None),
        None => {
            let config = config()?;
            let secret = match config.identity.secret {
                Secret::File(file) if !file.exists() => Some(file),
                _ => None,
            };
            (config.archive.private_key, config.api.public_key, secret)
        }
    };
    if let Some(secret) = &secret {
        write(secret, &random_text(SECRET_CHARS), 0o600, false)?;
        done(secret);
        anstream::println!(
            "  {DIM}signs tokens: cybexp-api and `cybexp token` need it; whoever has it can act as anybody{DIM:#}"
        );
        if private.exists() && public.exists() && !args.force {
            return Ok(ExitCode::SUCCESS);
        }
    }
    for file in [&private, &public] {
        if file.exists() && !args.force {
            bail!(
                "{} is there already, and what is sealed for it needs its private key; --dir writes elsewhere, \
                 --force replaces it",
                file.display()
            );
        }
    }
    let key = PrivateKey::generate(args.bits)?;
    write(&private, &key.to_pkcs8_pem(), 0o600, args.force)?;
    write(&public, &key.public_key().to_pem(), 0o644, args.force)?;

    done(&private);
    anstream::println!(
        "  {DIM}opens submissions and queries: cybexp-archive and cybexp-report need it, nobody else may have it. Keep \
         a copy in a safe place: without it, what is sealed is lost{DIM:#}"
    );
    done(&public);
    anstream::println!("  {DIM}seals them: cybexp-api needs it; it is no secret{DIM:#}");
    Ok(ExitCode::SUCCESS)
}

fn done(file: &Path) {
    anstream::println!("{GREEN}✓{GREEN:#} {}", file.display());
}

/// Writes the whole file or leaves it as it was.
fn write(path: &Path, text: &str, mode: u32, replace: bool) -> anyhow::Result<()> {
    let named = || path.display().to_string();
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    // created with its final mode, so nobody else can read it in between
    let mut file = NamedTempFile::new_in(folder).with_context(named)?;
    file.write_all(text.as_bytes()).with_context(named)?;
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))
        .with_context(named)?;
    file.as_file().sync_all().with_context(named)?;
    match replace {
        true => file.persist(path),
        false => file.persist_noclobber(path),
    }
    .with_context(named)?;
    Ok(())
}
