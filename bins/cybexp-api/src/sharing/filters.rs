//! The filters of a request to a TAXII collection (section 3.4 of the specification).

use cybexp_share::time;
use serde_json::Value;

use super::position::Position;

/// The most objects of a page.
pub(crate) const PAGE: usize = 1000;

/// A filter that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}: it is none that this server knows")]
pub(crate) struct BadFilter(&'static str);

/// The objects that a request asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filters {
    /// Only objects that were added after this time, in Unix seconds.
    pub(crate) added_after: Option<f64>,
    /// The most objects of the page.
    limit: Option<usize>,
    /// The place at which the page begins.
    pub(crate) next: Option<Position>,
    ids: Vec<String>,
    types: Vec<String>,
    versions: Vec<String>,
    spec_versions: Vec<String>,
}

impl Filters {
    /// Reads the query of a URL. Fields that TAXII does not have are ignored, as the specification wants.
    pub(crate) fn read(query: &str) -> Result<Self, BadFilter> {
        let mut filters = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let list = || {
                value
                    .split(',')
                    .map(|one| one.trim().to_owned())
                    .collect::<Vec<_>>()
            };
            match name.as_ref() {
                "added_after" => {
                    filters.added_after =
                        Some(time::parse(&value).ok_or(BadFilter("added_after"))?);
                }
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| *limit > 0);
                    filters.limit = Some(limit.ok_or(BadFilter("limit"))?);
                }
                "next" => filters.next = Some(Position::read(&value).ok_or(BadFilter("next"))?),
                "match[id]" => filters.ids.extend(list()),
                "match[type]" => filters.types.extend(list()),
                "match[version]" => filters.versions.extend(list()),
                "match[spec_version]" => filters.spec_versions.extend(list()),
                _ => {}
            }
        }
        Ok(filters)
    }

    /// Returns the filters for the object of this id alone.
    pub(crate) fn of_id(mut self, id: &str) -> Self {
        self.ids = vec![id.to_owned()];
        self
    }

    /// Returns the most objects of the page.
    pub(crate) fn page(&self) -> usize {
        self.limit.unwrap_or(PAGE).min(PAGE)
    }

    /// Returns the ids of the objects that are asked for; `None` if any id will do.
    pub(crate) fn ids(&self) -> Option<&[String]> {
        (!self.ids.is_empty()).then_some(&self.ids)
    }

    /// Whether an object, which was added at this time, is asked for.
    pub(crate) fn take(&self, object: &Value, added: f64, version: &str) -> bool {
        let text = |name: &str| object[name].as_str().unwrap_or_default();
        let holds =
            |list: &[String], text: &str| list.is_empty() || list.iter().any(|it| it == text);
        // there is one version of each object, which is the first, the last, and all of them
        let named = |wanted: &String| ["all", "first", "last"].contains(&wanted.as_str());
        let of_time =
            |wanted: &String| time::parse(wanted).is_some_and(|at| time::millis(at) == version);
        let is_version =
            self.versions.is_empty() || self.versions.iter().any(|it| named(it) || of_time(it));
        self.added_after.is_none_or(|after| added > after)
            && holds(&self.ids, text("id"))
            && holds(&self.types, text("type"))
            && holds(&self.spec_versions, "2.1")
            && is_version
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_are_read_as_the_specification_writes_them() {
        let read = |query: &str| Filters::read(query).unwrap();
        let filters = read(
            "match%5Btype%5D=indicator,url&added_after=2025-11-27T09:45:00.250Z&limit=5000&other=1",
        );
        assert_eq!(filters.page(), PAGE);
        let object = json!({"type": "url", "id": "url--1"});
        let version = "2025-11-27T09:45:00.000Z";
        assert!(filters.take(&object, 1_764_236_700.251, version));
        assert!(
            !filters.take(&object, 1_764_236_700.25, version),
            "not after it"
        );
        assert!(!read("match[type]=identity").take(&object, 0.0, version));
        assert!(read("match[version]=first,2020-01-01T00:00:00Z").take(&object, 0.0, version));
        assert!(read("match[version]=2025-11-27T09:45:00Z").take(&object, 0.0, version));
        assert!(!read("match[version]=2020-01-01T00:00:00Z").take(&object, 0.0, version));
        assert!(!read("match[spec_version]=2.0").take(&object, 0.0, version));
        for bad in ["limit=0", "limit=x", "next=x", "added_after=yesterday"] {
            assert!(Filters::read(bad).is_err(), "{bad}");
        }
    }
}
