//! Bounds of the mean of all values, from the values of a sample.
//!
//! The method is betting on the mean (I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by
//! betting", 2023). Suppose that the true mean is m. A gambler who stakes a fixed share of the wealth on each value
//! being below m, or above m, then plays a fair game, and becomes 1/δ times as rich with a probability of at most δ at
//! any time (Ville's inequality, so it does not matter when the game stops). Each m at which a gambler would be that
//! rich is ruled out. Where values differ little, this rules out far more than Hoeffding's inequality, and it does not
//! need large numbers.

/// The probability that the bounds are wrong.
const DOUBT: f64 = 1e-3;
/// Pairs of a stake, as a share of the wealth, and the part of the initial wealth that is bet with this stake. The
/// largest part has the largest stake, which wins where large values are rare.
const STAKES: [(f64, f64); 8] = [
    (0.99, 0.5),
    (0.7, 0.25),
    (0.5, 0.125),
    (0.35, 0.0625),
    (0.25, 0.03125),
    (0.12, 0.015625),
    (0.06, 0.0078125),
    (0.03, 0.0078125),
];
/// Halvings of an interval, enough for any use.
const HALVINGS: usize = 40;

/// Returns the bounds of a mean from values between 0 and 1, each drawn with that mean as its expectation. The bounds
/// are wrong in one of a thousand cases at most.
pub(crate) fn mean_between(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let above: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| *value > 0.0)
        .collect();
    let zeros = (values.len() - above.len()) as f64;
    // bets on values below m rule out means from `high` on, and bets on values above m those up to `low`
    let high = border(mean, 1.0, |m| {
        wealth(zeros, &above, |value, stake| {
            1.0 - stake * (value - m) / (1.0 - m)
        })
    });
    let low = border(mean, 0.0, |m| {
        wealth(zeros, &above, |value, stake| 1.0 + stake * (value - m) / m)
    });
    (low, high)
}

/// Returns the mean between `inside` and `outside` from which on the wealth rules a mean out.
fn border(inside: f64, outside: f64, wealth: impl Fn(f64) -> f64) -> f64 {
    let (mut inside, mut outside) = (inside, outside);
    for _ in 0..HALVINGS {
        let m = f64::midpoint(inside, outside);
        if wealth(m) < 2.0 / DOUBT {
            inside = m;
        } else {
            outside = m;
        }
    }
    // the bound that is certainly not too narrow
    outside
}

/// Returns the wealth that 1 became after all bets, each of which multiplies its stake by `factor`.
fn wealth(zeros: f64, above: &[f64], factor: impl Fn(f64, f64) -> f64) -> f64 {
    let of = |(stake, part): (f64, f64)| {
        let bets = above.iter().map(|value| factor(*value, stake).ln());
        let logarithm = zeros * factor(0.0, stake).ln() + bets.sum::<f64>();
        part * logarithm.exp()
    };
    STAKES.into_iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn nothing_is_known_of_nothing() {
        assert_eq!(mean_between(&[]), (0.0, 1.0));
        let (low, high) = mean_between(&[0.5]);
        assert!(low < 0.01 && high > 0.99, "{low}, {high}");
    }

    #[test]
    fn all_the_same_is_not_quite_sure() {
        let (low, high) = mean_between(&[0.0; 1000]);
        assert!(low == 0.0 && (0.007..0.012).contains(&high), "{high}");
        let (low, high) = mean_between(&[1.0; 1000]);
        assert!(high == 1.0 && (0.988..0.993).contains(&low), "{low}");
    }

    #[test]
    fn the_mean_is_missed_in_one_of_a_thousand_cases_at_most() {
        let mut rng = StdRng::seed_from_u64(3);
        let (cases, mut missed, mut width) = (5_000, 0, 0.0);
        for case in 0..cases {
            let share = [0.003, 0.05, 0.5][case % 3];
            let values: Vec<f64> = (0..300)
                .map(|_| {
                    if rng.random_bool(share) {
                        rng.random()
                    } else {
                        0.0
                    }
                })
                .collect();
            let (low, high) = mean_between(&values);
            missed += usize::from(!(low..=high).contains(&(share / 2.0)));
            width += (high - low) / cases as f64;
        }
        assert!(missed <= cases / 1000, "{missed}");
        assert!(width < 0.12, "{width}");
    }
}
