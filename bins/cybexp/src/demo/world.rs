//! What the demo runs on: a MongoDB, keys, a configuration, an organisation with a user, and the daemons. All of
//! it stands in the folder of the MongoDB, which vanishes with it.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use cybexp_seal::{Format, PrivateKey, PublicKey};
use cybexp_service::Config;
use cybexp_store::{Archive, Cache, Identity, NewEntry, Queries, Server, Submission};
use mongo_local::Mongod;
use serde_json::json;
use tahoe_core::{Hash, Org, User};

use super::sample::Record;
use super::show;
use crate::cli::Daemon;
use crate::daemon::Children;

/// Enough for a demo; `cybexp keygen` makes longer ones.
const KEY_BITS: u32 = 2048;

pub(super) struct World {
    pub(super) children: Children,
    pub(super) cache: Cache,
    pub(super) archive: Archive,
    pub(super) queries: Queries,
    pub(super) userid: Hash,
    pub(super) url: String,
    pub(super) logs: PathBuf,
    orgid: Hash,
    public_key: PublicKey,
    mongod: Mongod,
}

impl World {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let since = Instant::now();
        let mongod = tokio::task::spawn_blocking(|| {
            // found, or fetched, with word of it before it is started
            mongo_local::find_mongod(&mut |progress| show::line(progress))?;
            mongo_local::start_temporary()
        });
        let mongod = mongod.await?.context("a local MongoDB is needed")?;
        show::done(
            &format!("MongoDB runs on 127.0.0.1:{}", mongod.port()),
            since.elapsed(),
        );

        let since = Instant::now();
        let folder = mongod.data_dir().join("cybexp");
        std::fs::create_dir(&folder)?;
        let key = PrivateKey::generate(KEY_BITS)?;
        write_secret(&folder.join("priv.pem"), &key.to_pkcs8_pem())?;
        std::fs::write(folder.join("pub.pem"), key.public_key().to_pem())?;
        let file = write_config(&folder, mongod.url())?;

        let config = Config::from_file(&file)?;
        let server = Server::connect(mongod.url(), "cybexp-demo").await?;
        let cache = config.cache_db()?;
        let archive = config.tahoe_db()?;
        let queries = config.report_db()?;
        let identity = config.identity_db()?;
        let user = User::new(
            "analyst@demo.example",
            "no password: cannot log in",
            "Demo Analyst",
        )?;
        let org = Org::new(
            "demo",
            "Demo Organisation",
            &[user.clone()],
            &[user.clone()],
        )?;
        let world = Self {
            cache: Cache::open(&server, &cache.db, &cache.coll).await?,
            archive: Archive::open(&server, &archive.db, &archive.coll).await?,
            queries: Queries::open(&server, &queries.db, &queries.coll).await?,
            children: Children::start(&Daemon::ALL, &file, &folder)?,
            userid: user.hash(),
            orgid: org.hash(),
            url: mongod.url().to_owned(),
            logs: folder,
            public_key: key.public_key(),
            mongod,
        };
        let identity = Identity::open(&server, &identity.db, &identity.coll).await?;
        identity.add(&org, &[user]).await?;
        let names = Daemon::ALL.map(Daemon::name).join(", ");
        show::done(
            &format!("keys made, daemons started: {names}"),
            since.elapsed(),
        );
        Ok(world)
    }

    /// Seals a record as the API would.
    pub(super) fn seal(&self, record: &Record) -> anyhow::Result<Submission> {
        let entry = NewEntry {
            name: record.file.to_owned(),
            typetag: record.typetag.to_owned(),
            orgid: self.orgid.to_string(),
            timezone: "UTC".to_owned(),
            timestamp: now(),
        };
        let sealed = self.seal_bytes(record.text.as_bytes())?;
        Ok(Submission { entry, sealed })
    }

    pub(super) fn seal_bytes(&self, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        Ok(self.public_key.seal(Format::Jwe, bytes)?)
    }

    /// Stops the daemons, then the database, and takes everything away.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        let Self {
            mut children,
            mongod,
            ..
        } = self;
        tokio::task::spawn_blocking(move || {
            children.stop();
            mongod.stop()
        })
        .await??;
        Ok(())
    }
}

fn write_config(folder: &Path, mongo_url: &str) -> anyhow::Result<PathBuf> {
    let mongo = json!({"mongo_url": mongo_url});
    let config = json!({
        // the demo itself waits for the call-backs, as the API would
        "api": {"host": "127.0.0.1"},
        "cache": mongo, "tahoe": mongo, "report": mongo, "identity": mongo,
        "log": {"level": "info"},
    });
    let file = folder.join("config.json");
    std::fs::write(&file, serde_json::to_string_pretty(&config)?)?;
    Ok(file)
}

fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)?.write_all(text.as_bytes())
}

pub(super) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}
