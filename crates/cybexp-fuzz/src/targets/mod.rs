//! The targets, by name.

mod filters;
mod json;
#[cfg(feature = "network")]
mod network;
mod query;
mod seal;
mod submission;

use cybexp_filters::FILTERS;

use crate::seeds;

type Run = dyn Fn(&[u8]) + Send + Sync;
type Seeds = dyn Fn() -> Vec<Vec<u8>> + Send + Sync;

/// A reader of foreign bytes.
pub struct Target {
    /// The name: `seal`, or `filter_email` for a filter.
    pub name: String,
    run: Box<Run>,
    seeds: Box<Seeds>,
}

impl Target {
    fn new(
        name: impl Into<String>,
        run: impl Fn(&[u8]) + Send + Sync + 'static,
        seeds: impl Fn() -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
            seeds: Box::new(seeds),
        }
    }

    /// Reads the bytes.
    ///
    /// # Panics
    /// If a reader is wrong.
    pub fn run(&self, bytes: &[u8]) {
        (self.run)(bytes);
    }

    /// Returns inputs to begin with, made from the fixtures.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        (self.seeds)()
    }
}

/// Returns all targets. Each filter of the first stage is one.
pub fn targets() -> Vec<Target> {
    let mut all = vec![
        Target::new("seal", seal::open, seeds::sealed),
        Target::new("token", seal::token, seeds::tokens),
        Target::new("pem", seal::pem, seeds::pem),
        Target::new("records", submission::records, seeds::records),
        Target::new("submission", submission::data, seeds::filter_inputs),
        Target::new("json", json::value, seeds::values),
        Target::new("canonical", json::canonical, seeds::values),
        Target::new("instance", json::instance, seeds::instances),
        Target::new("question", query::question, seeds::questions),
        Target::new("python_bytes", query::python_bytes, seeds::literals),
        Target::new("time", query::time, seeds::times),
        Target::new("urls", filters::urls, seeds::filter_inputs),
        Target::new("networks", filters::networks, seeds::networks),
    ];
    #[cfg(feature = "network")]
    all.extend([
        Target::new("json_list", network::list, seeds::lists),
        Target::new("syslog", network::syslog, seeds::syslog),
        Target::new("control", network::control, seeds::control),
    ]);
    all.extend(FILTERS.iter().map(|filter| {
        Target::new(
            format!("filter_{}", filter.name()),
            |bytes| filters::filter(*filter, bytes),
            || seeds::of_filter(filter.name()),
        )
    }));
    all
}
