//! Places for the nodes of a graph. The same graph always gets the same places.

use fjadra::{Collide, Link, ManyBody, Node, PositionX, PositionY, SimulationBuilder};

use super::model::Graph;

/// Steps of the simulation, after which nodes hardly move.
const STEPS: usize = 300;
/// The distance that an edge tends to.
const EDGE: f64 = 64.0;
/// The room around a node and its label.
const ROOM: f64 = 30.0;

/// Returns a place for each node. The first one is near the middle.
pub(super) fn places(graph: &Graph) -> Vec<[f64; 2]> {
    let middle = Node::default().position(0.0, 0.0);
    let nodes = std::iter::once(middle)
        .chain(std::iter::repeat_with(Node::default))
        .take(graph.nodes.len());
    let (mut simulation, edges) = (SimulationBuilder::default(), graph.edges.iter().copied());
    simulation = simulation.with_velocity_decay(0.6);
    let mut simulation = simulation
        .build(nodes)
        .add_force("link", Link::new(edges).distance(EDGE).iterations(2))
        .add_force("charge", ManyBody::new().strength(-220.0))
        .add_force(
            "collide",
            Collide::new().radius(|_| ROOM).iterations(2),
        )
        // pages are wider than high
        .add_force("x", PositionX::new().strength(0.03))
        .add_force("y", PositionY::new().strength(0.09));
    simulation.tick(STEPS);
    simulation.positions().collect()
}
