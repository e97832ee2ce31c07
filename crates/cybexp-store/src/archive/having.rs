//! Whether any event or session has one of some elements, for many lists of them in one query.

use bson::{Bson, Document, doc};

use crate::archive::keys::LEAST_TIE;
use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::find::MAX_TIME;

/// The most points of the index of one query.
const POINTS: usize = 5000;

/// The documents that have elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Having {
    /// Events, which have elements of what they refer to, what they belong to, and what made them.
    Events,
    /// Sessions, which have elements of what identifies them.
    Sessions,
}

impl Having {
    /// Returns for each list of elements whether one of the documents has one of them. Of each list the server reads the
    /// first key that it finds in the index.
    pub(crate) async fn any(
        self,
        coll: &Documents,
        doing: &'static str,
        wanted: &[Vec<Bson>],
    ) -> Result<Vec<bool>, StoreError> {
        let mut all = Vec::with_capacity(wanted.len());
        let most = wanted.iter().map(Vec::len).max().unwrap_or(1).max(1);
        for part in wanted.chunks((POINTS / most).max(1)) {
            let mut any = vec![false; part.len()];
            let pipeline = self.pipeline(part, coll.name());
            let rows = coll.named(doing).aggregate_documents(pipeline);
            let rows = rows.with(|aggregate| aggregate.max_time(MAX_TIME));
            for row in rows.rows().await?.all().await? {
                let place = row.get_i64("_id").ok();
                let place = place.and_then(|place| usize::try_from(place).ok());
                if let Some(any) = place.and_then(|place| any.get_mut(place)) {
                    *any = row.get_bool("any").unwrap_or(false);
                }
            }
            all.extend(any);
        }
        Ok(all)
    }

    pub(crate) fn pipeline(self, wanted: &[Vec<Bson>], coll: &str) -> Vec<Document> {
        let lists = wanted.iter().enumerate();
        let lists =
            lists.map(|(n, elements)| Bson::from(doc! {"_id": n as i64, "elements": elements}));
        // what the index holds only of these documents, and what it alone can answer
        let (field, which, fields) = match self {
            Self::Events => (
                "_keys",
                doc! {"_tie": {"$gte": LEAST_TIE}},
                doc! {"_id": 0, "_tie": 1},
            ),
            Self::Sessions => (
                "_known",
                doc! {"_known": {"$exists": true}},
                doc! {"_id": 0, "start_time": 1},
            ),
        };
        let one = vec![
            doc! {"$match": which},
            doc! {"$limit": 1},
            doc! {"$project": fields},
        ];
        vec![
            doc! {"$documents": lists.collect::<Vec<_>>()},
            doc! {"$lookup": {
                "from": coll, "localField": "elements", "foreignField": field, "pipeline": one, "as": "found",
            }},
            doc! {"$project": {"any": {"$gt": [{"$size": "$found"}, 0]}}},
        ]
    }
}
