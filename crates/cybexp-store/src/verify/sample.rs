//! Documents of a stage at random.

use bson::{Bson, RawDocumentBuf, doc};

use crate::archive::ids::binary;
use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::verify::stage::Stage;

/// Documents that are read behind one place.
const RUN: i64 = 10;
/// Places that are read for one page.
const RUNS: u64 = 20;

/// Reads some documents of a stage at random, at most `most` and about 200.
pub(super) async fn page(
    stage: Stage,
    coll: &Documents,
    most: u64,
) -> Result<Vec<RawDocumentBuf>, StoreError> {
    let mut page = Vec::new();
    let Some(places) = places(stage) else {
        // the server picks one after the other, without reading the rest
        let pick = doc! {"$sample": {"size": most.min(200) as i64}};
        let (least, most) = stage.bounds();
        let mut bounds = bson::Document::new();
        bounds.insert(stage.field(), doc! {"$gte": least, "$lte": most});
        let picking = coll.named("picking what is verified");
        let rows = picking
            .aggregate([pick, doc! {"$match": bounds}])
            .rows()
            .await?;
        return rows.all().await;
    };
    for _ in 0..RUNS {
        if page.len() as u64 >= most {
            break;
        }
        let run = stage.page(Some(places())).limit(RUN);
        page.extend(run.all(coll).await?);
    }
    page.truncate(most as usize);
    Ok(page)
}

/// Returns what makes a place at random, for documents whose ids are hashes.
fn places(stage: Stage) -> Option<fn() -> Bson> {
    fn node() -> Bson {
        binary(rand::random::<[u8; 32]>().to_vec())
    }
    fn owned(kind: u8) -> Bson {
        let rest = rand::random::<[u8; 32]>();
        binary([&[kind], &rest[..], &[0; 16]].concat())
    }
    match stage {
        Stage::Events | Stage::Nodes => Some(node),
        Stage::Sessions => Some(|| owned(b's')),
        Stage::Raws => Some(|| owned(b'r')),
        _ => None,
    }
}
