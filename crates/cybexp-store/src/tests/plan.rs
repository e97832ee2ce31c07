//! The plan of the server for a query or an update.

use bson::{Bson, Document, doc};

use crate::mongo::bulk::Update;
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;

/// The result of `explain`.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) returned: i64,
    keys: i64,
    documents: i64,
    pub(super) stages: Vec<String>,
}

impl Plan {
    pub(super) async fn find(coll: &Documents, find: &Find) -> Self {
        let mut command = doc! {
            "find": coll.name(), "filter": &find.filter, "hint": find.hint,
            "skip": find.skip as i64, "limit": find.limit,
        };
        for (name, value) in [("projection", &find.projection), ("sort", &find.sort)] {
            if let Some(value) = value {
                command.insert(name, value);
            }
        }
        Self::of(coll, command).await
    }

    /// Explains a query whose index the server chooses.
    pub(super) async fn chosen(coll: &Documents, filter: Document) -> Self {
        Self::of(coll, doc! {"find": coll.name(), "filter": filter}).await
    }

    /// Explains a count, sent as the driver's `count_documents` does.
    pub(super) async fn count(coll: &Documents, find: &Find) -> Self {
        let group = doc! {"$group": {"_id": 1, "n": {"$sum": 1}}};
        let mut pipeline = vec![doc! {"$match": &find.filter}];
        if find.limit > 0 {
            pipeline.push(doc! {"$limit": find.limit});
        }
        pipeline.push(group);
        Self::aggregate(coll, find.hint, pipeline).await
    }

    pub(super) async fn aggregate(coll: &Documents, hint: &str, pipeline: Vec<Document>) -> Self {
        let command = doc! {
            "aggregate": coll.name(), "pipeline": pipeline, "cursor": {}, "hint": hint,
        };
        Self::of(coll, command).await
    }

    /// Explains a pipeline that begins with documents of its own, and whose `$lookup` does all the reading.
    pub(super) async fn lookup(coll: &Documents, pipeline: Vec<Document>) -> Self {
        let command = doc! {"aggregate": 1, "pipeline": pipeline, "cursor": {}};
        let reply = Self::explain(coll, command).await;
        let stages = reply.get_array("stages").expect("explain gives stages");
        let stages = stages.iter().filter_map(Bson::as_document);
        let lookups = stages.filter(|stage| stage.contains_key("$lookup"));
        let mut plan = Self {
            returned: 0,
            keys: 0,
            documents: 0,
            stages: vec![],
        };
        for lookup in lookups {
            assert_eq!(number(lookup, "collectionScans"), 0, "{lookup}");
            plan.returned = number(lookup, "nReturned");
            plan.keys += number(lookup, "totalKeysExamined");
            plan.documents += number(lookup, "totalDocsExamined");
            let indexes = lookup.get_array("indexesUsed").unwrap().iter();
            plan.stages
                .extend(indexes.map(|name| name.as_str().unwrap().to_owned()));
        }
        assert!(!plan.stages.is_empty(), "explain gives the $lookup");
        plan
    }

    pub(super) async fn update(coll: &Documents, update: &Update) -> Self {
        let statement =
            doc! {"q": &update.filter, "u": update.update.clone(), "upsert": update.upsert};
        Self::of(coll, doc! {"update": coll.name(), "updates": [statement]}).await
    }

    /// Explains an update of all documents that match, by their ids.
    pub(super) async fn update_many(coll: &Documents, filter: Document, update: Document) -> Self {
        let statement = doc! {"q": filter, "u": update, "multi": true, "hint": "_id_"};
        Self::of(coll, doc! {"update": coll.name(), "updates": [statement]}).await
    }

    pub(super) async fn find_and_modify(coll: &Documents, find: &Find, update: Document) -> Self {
        let command = doc! {
            "findAndModify": coll.name(), "query": &find.filter, "sort": find.sort.as_ref(),
            "hint": find.hint, "update": [update], "new": true,
        };
        Self::of(coll, command).await
    }

    async fn of(coll: &Documents, command: Document) -> Self {
        Self::read(&Self::explain(coll, command).await)
    }

    async fn explain(coll: &Documents, command: Document) -> Document {
        let command = doc! {"explain": command, "verbosity": "executionStats"};
        let database = coll
            .driver()
            .client()
            .database(&coll.driver().namespace().db);
        database.run_command(command).await.unwrap()
    }

    fn read(reply: &Document) -> Self {
        let stats = first(reply, "executionStats").expect("explain gives executionStats");
        let plan = first(reply, "winningPlan").expect("explain gives a plan");
        let mut stages = Vec::new();
        collect_stages(plan, &mut stages);
        Self {
            returned: number(stats, "nReturned"),
            keys: number(stats, "totalKeysExamined"),
            documents: number(stats, "totalDocsExamined"),
            stages,
        }
    }

    /// Panics if the server read more than this, scanned the collection or sorted in memory.
    #[track_caller]
    pub(super) fn reads_at_most(&self, keys: i64, documents: i64) {
        assert!(self.keys <= keys, "more than {keys} keys: {self:?}");
        assert!(
            self.documents <= documents,
            "more than {documents} documents: {self:?}"
        );
        let bad = |stage: &String| ["COLLSCAN", "SORT"].contains(&stage.as_str());
        assert!(!self.stages.iter().any(bad), "{self:?}");
    }
}

fn number(stats: &Document, name: &str) -> i64 {
    let value = stats.get(name).unwrap();
    value.as_i64().or(value.as_i32().map(i64::from)).unwrap()
}

/// Returns the first document of this name, at any depth.
fn first<'a>(document: &'a Document, name: &str) -> Option<&'a Document> {
    document.iter().find_map(|(key, value)| match value {
        Bson::Document(inner) if key == name => Some(inner),
        Bson::Document(inner) => first(inner, name),
        Bson::Array(items) => items
            .iter()
            .filter_map(Bson::as_document)
            .find_map(|inner| first(inner, name)),
        _ => None,
    })
}

fn collect_stages(plan: &Document, stages: &mut Vec<String>) {
    for (key, value) in plan {
        match value {
            Bson::String(stage) if key == "stage" => stages.push(stage.clone()),
            Bson::Document(inner) => collect_stages(inner, stages),
            Bson::Array(items) => items
                .iter()
                .filter_map(Bson::as_document)
                .for_each(|inner| collect_stages(inner, stages)),
            _ => {}
        }
    }
}
