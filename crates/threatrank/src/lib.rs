//! Ranks how threatening an event or attribute is, by the paths that lead to it from malicious events. The crate has no input or
//! output: the caller's [`Source`] reads the graph, one level at a time.
//!
//! The score is the sum over all simple paths *m* – attribute – event – … – attribute – target of at most three
//! hops (a hop goes from event over attribute to event, so it is two edges) from any malicious event *m*, which may
//! lead through other malicious events, of −Π over the path's nodes, the target excluded, of 0.998^d / L. An
//! attribute's L is the number of its events, an event's that of its attributes, and d is an event's age in days.
//!
//! The score of an attribute is the same sum over the paths that end at the attribute: those of an event that has only
//! this attribute and is not counted among its events, times the number of these.
//!
//! # Bounds for a graph with gaps
//!
//! Read from the target on, a path is a random walk: 1 / L is the probability of going from an attribute to this one of
//! its events, or from an event to this one of its attributes. A malicious event of L attributes ends a path, which
//! counts 0.998^d / L, and passes other paths on to its L − 1 other attributes. So the sum of all paths through an
//! attribute, over any number of hops, is a mean over its events of at most 1 / L + (L − 1) / L = 1. The sum of all
//! paths through an event is at most its 0.998^d.
//!
//! Hence the missing sum behind an attribute whose events are not known is at most 1, and behind an event whose
//! attributes are not known at most 0.998^d, times the product of the path before it. The sum of these bounds over all
//! walks to a gap, which include all simple paths, is `Gaps::mass`. `Walk`s through the gaps estimate how much of the
//! mass is real.
//!
//! # Use
//!
//! A [`Neighbourhood`] is read and searched, and then walked through if it has gaps:
//!
//! ```
//! # use threatrank::{Limits, Neighbourhood, Rank, Source, Target};
//! # use std::time::{Duration, Instant};
//! async fn rank<S: Source>(source: &S, target: Target, now: f64) -> Result<Rank, S::Error> {
//!     let limits = Limits::new(Duration::from_millis(1500));
//!     let mut around = Neighbourhood::new(source, target, now, limits, Instant::now());
//!     around.read().await?;
//!     let mut rank = around.search();
//!     around.walk(&mut rank).await?;
//!     Ok(rank)
//! }
//! ```

mod draws;
mod graph;
mod interval;
mod limits;
mod neighbourhood;
mod sampling;
mod search;
mod source;
mod walks;

#[cfg(test)]
mod tests;

pub use limits::Limits;
pub use neighbourhood::Neighbourhood;
pub use sampling::WALKERS;
pub use search::Rank;
pub use source::{
    AttributeEvents, Draw, EventRefs, EventTime, NodeKind, OpenEvent, Pick, Picked, Source, Target,
};
