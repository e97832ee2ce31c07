//! Shows how much the databases hold, and what the settings will free of it.

use std::time::{SystemTime, UNIX_EPOCH};

use cybexp_filters::known_typetags;
use cybexp_service::Config;
use cybexp_store::{CacheKeep, Size, StoreError};

use super::databases::OpenCollections;
use super::sheet::Checklist;

pub(super) async fn check(sheet: &mut Checklist, config: &Config, there: &OpenCollections) {
    if let Err(error) = measure(sheet, config, there).await {
        sheet.wrong(error.brief(), "is the database all right?");
    }
}

async fn measure(
    sheet: &Checklist,
    config: &Config,
    there: &OpenCollections,
) -> Result<(), StoreError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs_f64();
    if let Some(cache) = &there.cache {
        sheet.good(told("cache", &cache.sizes().await?));
        let keep = CacheKeep {
            good_s: config.cache.keep.seconds(),
            bad_s: config.cache.keep_bad.seconds(),
        };
        let (good, bad) = (config.cache.keep, config.cache.keep_bad);
        sheet.good(format!(
            "submissions are kept for {good}, those with a bad record for {bad}: {} will be removed",
            cache.count_old(keep, now).await?
        ));
    }
    if let Some(archive) = &there.archive {
        sheet.good(told("archive", &archive.sizes().await?));
        let keep = &config.archive.keep;
        let mut typetags: Vec<&str> = keep.keys().map(String::as_str).collect();
        if keep.contains_key("*") {
            typetags.extend(known_typetags());
            typetags.sort_unstable();
            typetags.dedup();
        }
        for typetag in typetags.into_iter().filter(|typetag| *typetag != "*") {
            let Some(kept) = keep.get(typetag).or_else(|| keep.get("*")) else {
                continue;
            };
            let Some(seconds) = kept.seconds() else {
                continue;
            };
            let old = archive.count_raws_before(typetag, now - seconds).await?;
            sheet.good(format!(
                "raws of {typetag} are kept for {kept}: {old} will be removed, with what was made of them alone"
            ));
        }
        if keep.is_empty() {
            sheet.good("raws, and what was made of them, are kept for ever (archive.keep)");
        }
    }
    if let Some(queries) = &there.queries {
        let kept = config.report.keep;
        let told = told("queries and reports", &queries.sizes().await?);
        sheet.good(format!("{told}; they are kept for {kept}"));
    }
    Ok(())
}

fn told(what: &str, sizes: &[Size]) -> String {
    let documents: u64 = sizes.iter().map(|size| size.documents).sum();
    let disk: u64 = sizes.iter().map(|size| size.disk_bytes).sum();
    let indexes: u64 = sizes.iter().map(|size| size.index_bytes).sum();
    format!(
        "{what}: {documents} documents, {} MB, and {} MB of indexes",
        disk / 1_000_000,
        indexes / 1_000_000
    )
}
