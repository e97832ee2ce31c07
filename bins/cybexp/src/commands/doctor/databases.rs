//! Checks that the databases answer, are replica sets, and have their indexes.

use cybexp_service::config::Db;
use cybexp_service::{Config, ConfigError};
use cybexp_store::{Archive, Cache, Identity, Purpose, Queries, Raws, Server, StoreError};

use super::sheet::Checklist;

/// The collections that further checks can read: they are reached and have their indexes, so opening them changes nothing.
#[derive(Default)]
pub(super) struct OpenCollections {
    pub(super) cache: Option<Cache>,
    pub(super) archive: Option<Archive>,
    pub(super) raws: Option<Raws>,
    pub(super) queries: Option<Queries>,
    pub(super) identity: Option<Identity>,
}

/// A collection of the configuration: the section that names it, the daemon that makes its indexes, its purpose, its place.
type ConfiguredCollection = (&'static str, &'static str, Purpose, Db);

pub(super) async fn check(
    sheet: &mut Checklist,
    config: &Config,
) -> Result<OpenCollections, ConfigError> {
    let tahoe = config.archive_db()?;
    let analytics = config.analytics_db()?;
    let same = is_same_collection(&tahoe, &analytics);
    let mut collections: Vec<ConfiguredCollection> = vec![
        (
            "cache",
            "cybexp-archive",
            Purpose::Cache,
            config.cache_db()?,
        ),
        ("tahoe", "cybexp-archive", Purpose::Archive, tahoe),
        (
            "report",
            "cybexp-report",
            Purpose::Queries,
            config.report_db()?,
        ),
        (
            "identity",
            "cybexp-api",
            Purpose::Identity,
            config.identity_db()?,
        ),
    ];
    if !same {
        sheet.note(
            "archive and analytics work on two collections",
            "that is right only if something copies the raws from the one to the other",
        );
        collections.push(("analytics", "cybexp-analytics", Purpose::Archive, analytics));
    }
    let mut there = OpenCollections::default();
    while let Some((_, _, _, Db { url, .. })) = collections.first() {
        let (url, exposed) = (url.to_string(), url.expose().to_owned());
        let (here, elsewhere) = collections
            .into_iter()
            .partition(|(.., db)| db.url.expose() == exposed);
        collections = elsewhere;
        let here: Vec<ConfiguredCollection> = here;
        let sections: Vec<&str> = here.iter().map(|(section, ..)| *section).collect();
        let name = format!("{url} ({})", sections.join(", "));
        if let Some(server) = answers(sheet, &exposed, &name).await {
            for collection in &here {
                if let Err(error) = look_into(sheet, &server, collection, &mut there).await {
                    sheet.wrong(
                        format!(
                            "{}.{}: {}",
                            collection.3.db,
                            collection.3.coll,
                            error.brief()
                        ),
                        "may the user of the configuration's URL read and write there?",
                    );
                }
            }
        }
    }
    Ok(there)
}

fn is_same_collection(a: &Db, b: &Db) -> bool {
    (a.url.expose(), &a.db, &a.coll) == (b.url.expose(), &b.db, &b.coll)
}

async fn answers(sheet: &mut Checklist, url: &str, name: &str) -> Option<Server> {
    let asked = async {
        let server = Server::connect(url, "cybexp-doctor").await?;
        let info = server.info().await?;
        Ok::<_, StoreError>((server, info))
    };
    match asked.await {
        Ok((server, info)) => {
            if info.replicated {
                sheet.good(format!("MongoDB {} at {name}", info.version));
            } else {
                sheet.wrong(
                    format!("MongoDB {} at {name} is a server of its own", info.version),
                    "transactions and change streams need a replica set, and one of one member will do: start mongod \
                     with --replSet rs0 and run rs.initiate() in mongosh",
                );
            }
            if let Some(seconds) = info.history_s.filter(|seconds| *seconds > 0) {
                sheet.note(
                    format!("MongoDB at {name} keeps {seconds} s of history, which nothing reads"),
                    "minSnapshotHistoryWindowInSeconds: 0 halves its work and its indexes (OPERATIONS, \"Capacity\")",
                );
            }
            Some(server)
        }
        Err(error) => {
            sheet.wrong(
                format!("no MongoDB at {name}: {}", error.brief()),
                "start it, or correct mongo_url in these sections; `cybexp up` brings one of its own",
            );
            None
        }
    }
}

async fn look_into(
    sheet: &mut Checklist,
    server: &Server,
    (section, daemon, purpose, Db { db, coll, .. }): &ConfiguredCollection,
    there: &mut OpenCollections,
) -> Result<(), StoreError> {
    let missing = server.missing_indexes(db, coll, *purpose).await?;
    if !missing.is_empty() {
        sheet.wrong(
            format!("{section}: {db} lacks the indexes {}", missing.join(", ")),
            format!("{daemon} makes them when it starts"),
        );
        return Ok(());
    }
    sheet.good(format!("{section}: {db}.{coll} has its indexes"));
    match purpose {
        Purpose::Cache => there.cache = Some(Cache::open(server, db, coll).await?),
        // if there are two archives, the later one, which is that of the analytics daemon
        Purpose::Archive => {
            let archive = Archive::open(server, db, coll).await?;
            there.raws = Some(Raws::new(&archive));
            there.archive = Some(archive);
        }
        Purpose::Queries => there.queries = Some(Queries::open(server, db, coll).await?),
        Purpose::Identity => there.identity = Some(Identity::open(server, db, coll).await?),
    }
    Ok(())
}
