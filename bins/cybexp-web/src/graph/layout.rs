//! Places for the nodes of a graph. The same graph always gets the same places.

use fjadra::{Collide, Link, ManyBody, Node, PositionX, PositionY, SimulationBuilder};

use super::model::Graph;

/// Steps of the simulation, after which nodes hardly move.
const STEPS: usize = 300;
/// The distance that an edge tends to.
const EDGE: f64 = 70.0;
/// The room around a node and its label.
const ROOM: f64 = 33.0;
/// How much wider than high the room of a label is.
const WIDER: f64 = 1.45;

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
        .add_force("charge", ManyBody::new().strength(-260.0))
        .add_force("collide", Collide::new().radius(|_| ROOM).iterations(2))
        .add_force("x", PositionX::new().strength(0.05))
        .add_force("y", PositionY::new().strength(0.1));
    simulation.tick(STEPS);
    let wide = |[x, y]: [f64; 2]| [x * WIDER, y];
    simulation.positions().map(wide).collect()
}
