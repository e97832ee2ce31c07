//! Counts the records that wait for a daemon, and those that were set aside.

use cybexp_filters::judgement::{EVENT_CATEGORY, JUDGE_ID, RETRY};
use cybexp_filters::{FILTERS, all_typetags, unread_typetag};
use cybexp_store::{StoreError, Unread};

use super::databases::OpenCollections;
use super::sheet::Checklist;

/// The most notices that are counted.
const NOTICES: u64 = 100_000;

pub(super) async fn check(sheet: &mut Checklist, there: &OpenCollections) {
    if let Err(error) = count(sheet, there).await {
        sheet.wrong(error.brief(), "is the database all right?");
    }
}

async fn count(sheet: &mut Checklist, there: &OpenCollections) -> Result<(), StoreError> {
    let mut refused = 0;
    if let Some(cache) = &there.cache {
        backlog(
            sheet,
            cache.count_pending().await?,
            "submissions",
            "archive",
        );
        refused += cache.count_refused().await?;
        match cache.count_odd().await? {
            0 => {}
            odd => sheet.wrong(
                format!("{odd} entries of the cache are in no list: their `processed` is neither true nor false"),
                "another program wrote them; `processed: false` has the archive daemon take such an entry up",
            ),
        }
    }
    if let Some(raws) = &there.raws {
        let mut pending = raws.count_pending(JUDGE_ID).await?;
        refused += raws.count_refused(&[EVENT_CATEGORY, RETRY]).await?;
        for filter in FILTERS {
            pending += raws.count_pending(&filter.id()).await?;
            refused += raws.count_refused(filter.typetags()).await?;
        }
        backlog(sheet, pending, "raws", "analytics");
        for Unread { typetag, raws } in raws.unread(&all_typetags()).await? {
            let meant = match unread_typetag(&typetag).and_then(|unread| unread.nearest) {
                Some(meant) => format!("was {meant} meant? post it again as that; else "),
                None => String::new(),
            };
            sheet.note(
                format!("no filter reads {typetag}: nothing was made of its {raws} raws"),
                format!("{meant}they wait until there is such a filter"),
            );
        }
    }
    if let Some(queries) = &there.queries {
        backlog(sheet, queries.count_open().await?, "queries", "report");
    }
    if let Some(queries) = &there.queries {
        match queries.count_waiting_notices(NOTICES).await? {
            0 => sheet.good("no notice of a subscription waits for its receiver"),
            waiting => sheet.note(
                format!("{waiting} notices of subscriptions wait for their receivers"),
                "cybexp-report delivers them; its log names receivers that fail",
            ),
        }
        match queries.count_parked(NOTICES).await? {
            0 => sheet.good("no notice of a subscription is parked"),
            parked => sheet.note(
                format!("{parked} notices of subscriptions could not be delivered and are parked"),
                "`cybexp watch parked` shows a user's own and why, `cybexp watch retry` has them delivered again",
            ),
        }
    }
    let all = there.cache.is_some() && there.raws.is_some() && there.queries.is_some();
    match refused {
        0 if !all => sheet.note("not all work is looked at", "the databases come first"),
        0 => sheet.good("nothing is set aside"),
        _ => sheet.note(
            format!("{refused} records are set aside"),
            "`cybexp quarantine list` shows them and why, `cybexp quarantine retry` has them tried again",
        ),
    }
    Ok(())
}

fn backlog(sheet: &Checklist, waiting: u64, what: &str, daemon: &str) {
    match waiting {
        0 => sheet.good(format!("no {what} wait")),
        _ => sheet.note(
            format!("{waiting} {what} wait"),
            format!(
                "cybexp-{daemon} works on them; if the number stays as it is, its log tells why"
            ),
        ),
    }
}
