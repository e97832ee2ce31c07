//! The first start in a folder: keys, a secret, a configuration; then an organisation and its admin.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use cybexp_seal::{Holder, PrivateKey, Tokens, password};
use cybexp_service::Config;
use cybexp_service::config::Secret;
use cybexp_service::site::CONFIG;
use cybexp_store::Identity;
use serde_json::{Value, json};
use tahoe_core::{Org, User};

use super::ports::usual_metrics;
use crate::random::random_text;

/// The file beside the configuration into which `up` writes the URL of its MongoDB.
pub(crate) const MONGO_URL: &str = "mongo.url";
/// The file beside the configuration that holds a token of the admin.
const API_TOKEN: &str = "api.token";

/// Settings of the first start in a folder: the organisation, its admin and the keys that it makes.
#[derive(Debug, Clone)]
pub(crate) struct FirstStart<'a> {
    pub(crate) orgname: &'a str,
    pub(crate) admin: &'a str,
    pub(crate) key_bits: u32,
    /// Further settings for the configuration, by section.
    pub(crate) more: Value,
    /// Data files beside the configuration, by name.
    pub(crate) files: &'a [(&'static str, &'static str)],
}

/// The accounts that the first start made. Password and token are shown only then.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(crate) org: Org,
    pub(crate) admin: User,
    pub(crate) password: String,
    pub(crate) token: String,
}

/// Returns the configuration file of the folder. If there is none, makes it, with keys and a secret.
pub(crate) fn prepare(folder: &Path, first: &FirstStart<'_>) -> anyhow::Result<PathBuf> {
    let file = folder.join(CONFIG);
    if file.exists() {
        return Ok(file);
    }
    make_folder(folder)?;
    let key = PrivateKey::generate(first.key_bits)?;
    write_secret(&folder.join("priv.pem"), &key.to_pkcs8_pem())?;
    write_secret(&folder.join("pub.pem"), &key.public_key().to_pem())?;
    write_secret(&folder.join("secret"), &random_text(43))?;
    write_secret(&folder.join("web.secret"), &random_text(43))?;
    let mongo = json!({"mongo_url": {"file": MONGO_URL}});
    let mut config = json!({
        "api": {"url": "http://127.0.0.1:5000/", "host": "127.0.0.1", "listen": "127.0.0.1:5000"},
        "cache": mongo, "tahoe": mongo, "report": mongo, "identity": mongo,
    });
    config["metrics"] = usual_metrics().context("no port for metrics")?;
    config["identity"]["secret"] = json!({"file": "secret"});
    config["api"]["token"] = json!({"file": API_TOKEN});
    // the pages are on this machine only, where there is no HTTPS
    config["web"] = json!({
        "listen": "127.0.0.1:5080", "secure_cookie": false, "secret": {"file": "web.secret"},
    });
    for (section, values) in first.more.as_object().into_iter().flatten() {
        for (key, value) in values.as_object().into_iter().flatten() {
            config[section][key] = value.clone();
        }
    }
    for (name, content) in first.files {
        write_secret(&folder.join(name), content)?;
    }
    // written last: its presence says that the rest is complete
    write_secret(&file, &serde_json::to_string_pretty(&config)?)?;
    Ok(file)
}

/// Makes the folder, readable to its owner only, unless it exists.
pub(crate) fn make_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| folder.display().to_string())
}

/// Makes the first organisation and its admin, who is a superuser too. Returns `None` if there is an organisation already.
pub(crate) async fn accounts(
    config: &Config,
    identity: &Identity,
    first: &FirstStart<'_>,
) -> anyhow::Result<Option<Accounts>> {
    if !identity.orgs().await?.is_empty() {
        return Ok(None);
    }
    let password = random_text(20);
    let admin = User::superuser(first.admin, &password::hash(&password)?, "Administrator")?;
    let admins = std::slice::from_ref(&admin);
    let org = Org::new(first.orgname, first.orgname, admins, admins)?;
    identity.create_user(&admin).await?;
    identity.create_org(&org).await?;
    let token = issue(config, identity, &admin).await?;
    Ok(Some(Accounts {
        org,
        admin,
        password,
        token,
    }))
}

/// Writes a new token of the admin into the file [`API_TOKEN`], if the configuration takes its token from there: so inputs
/// and commands find one that has not expired.
pub(crate) async fn renew_token(
    config: &Config,
    identity: &Identity,
    first: &FirstStart<'_>,
) -> anyhow::Result<()> {
    let Secret::File(file) = &config.api.token else {
        return Ok(());
    };
    if file.file_name().is_none_or(|name| name != API_TOKEN) {
        return Ok(());
    }
    match identity.user_by_email(first.admin).await? {
        Some(admin) => write_secret(file, &issue(config, identity, &admin).await?),
        None => Ok(()),
    }
}

async fn issue(config: &Config, identity: &Identity, user: &User) -> anyhow::Result<String> {
    issue_for(config, identity, user, config.api.token_ttl_s).await
}

/// Makes a token that is good for so many seconds.
pub(super) async fn issue_for(
    config: &Config,
    identity: &Identity,
    user: &User,
    seconds: u64,
) -> anyhow::Result<String> {
    let tokens = Tokens::new(&config.identity_secret()?, false);
    let ttl = std::time::Duration::from_secs(seconds);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let generation = identity.standing(user.hash()).await?.generation;
    let holder = Holder {
        sub_type: user.role().as_str(),
        hash: &user.hash().to_string(),
        generation,
    };
    let issued = tokens.issue(holder, ttl, now);
    let by = "cybexp up";
    let row = identity.remember_token(&issued.jti, user.hash(), generation, by, issued.expires);
    row.await?;
    Ok(issued.token)
}

/// Writes a file that only its owner can read.
pub(crate) fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| path.display().to_string())
}
