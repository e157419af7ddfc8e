//! How often a tenant may ask, whoever of many containers answers.
//!
//! The table holds one number per tenant: the moment at which all that was granted so far would have been due, one
//! token after another at the tenant's rate. It may lie ahead of the clock by the burst and no more (the generic cell
//! rate algorithm). A container leases several tokens at once, so that most requests ask nobody.

use crate::time::Timestamp;

/// Nanoseconds: a token may take less than a microsecond, and what rounding takes of each adds up.
pub type Nanos = i64;

const SECOND_NS: i64 = 1_000_000_000;

/// No container has more tokens at hand than this.
const MOST_LEASED: u32 = 50;

/// A container that is refused again and again asks at most this seldom.
const LONGEST_PAUSE_NS: Nanos = SECOND_NS;

/// So many requests per second, and so many at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_second: u32,
    burst: u32,
}

impl Rate {
    pub const MOST_PER_SECOND: u32 = 1_000_000;

    /// None for a rate of 0, which stands for no limit. A burst is at least one request.
    pub fn new(per_second: u32, burst: u32) -> Option<Self> {
        let per_second = per_second.min(Self::MOST_PER_SECOND);
        (per_second > 0).then(|| Self { per_second, burst: burst.max(1) })
    }

    /// Twice the rate at once.
    pub fn per_second(per_second: u32) -> Option<Self> {
        Self::new(per_second, per_second.saturating_mul(2))
    }

    /// How long it takes to earn so many tokens; rounded up, so that never too many are granted.
    fn cost_ns(self, tokens: u32) -> Nanos {
        let cost = (u64::from(tokens) * 1_000_000_000).div_ceil(u64::from(self.per_second));
        Nanos::try_from(cost).unwrap_or(Nanos::MAX)
    }

    /// What a container asks for at once: few of a small burst, so that no container keeps much of it from others.
    fn lease_at(self, now: Timestamp) -> Lease {
        let tokens = (self.burst / 40).clamp(1, MOST_LEASED);
        let (now_ns, cost_ns) = (now.ms() * 1_000_000, self.cost_ns(tokens));
        // As many leases as the burst holds, at what they cost: rounding must not take one away.
        let latest_ns = now_ns + i64::from(self.burst / tokens) * cost_ns;
        Lease { tokens, now_ns, cost_ns, latest_ns }
    }
}

/// Tokens that a container asks the table for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub tokens: u32,
    pub now_ns: Nanos,
    /// By how much the due moment moves.
    pub cost_ns: Nanos,
    /// What the due moment may not pass.
    pub latest_ns: Nanos,
}

/// What became of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leased {
    /// The due moment is this now.
    Granted(Nanos),
    /// The due moment is this and would pass what it may not.
    Refused(Nanos),
}

impl Lease {
    /// The rule itself, on the due moment as it is stored; None if nothing was ever granted.
    pub fn applied_to(self, due: Option<Nanos>) -> Leased {
        let due = due.unwrap_or(self.now_ns);
        let next = due.max(self.now_ns) + self.cost_ns;
        if next <= self.latest_ns.max(self.now_ns + self.cost_ns) {
            Leased::Granted(next)
        } else {
            Leased::Refused(due)
        }
    }
}

/// What one container holds for one tenant.
#[derive(Clone, Debug, Default)]
pub struct Allowance {
    tokens: u32,
    /// The due moment when it was last seen.
    due_ns: Nanos,
    refused_until_ns: Nanos,
    refusals: u32,
}

/// Whether a request may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    Granted,
    Refused {
        wait_ns: Nanos,
    },
    /// The table must be asked first.
    Unknown(Lease),
}

impl Allowance {
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Pass {
        let now_ns = now.ms() * 1_000_000;
        if self.tokens > 0 {
            self.tokens -= 1;
            Pass::Granted
        } else if self.refused_until_ns > now_ns {
            Pass::Refused { wait_ns: self.refused_until_ns - now_ns }
        } else {
            Pass::Unknown(rate.lease_at(now))
        }
    }

    /// Where the due moment was when it was last seen: tells which condition is likely to hold.
    pub fn due_ns(&self) -> Nanos {
        self.due_ns
    }

    /// Takes in what the table said.
    ///
    /// A container that is refused again and again waits twice as long each time: many of them would otherwise
    /// write to the same item without end, to learn what they know.
    pub fn learn(&mut self, lease: Lease, leased: Leased) {
        match leased {
            Leased::Granted(due) => {
                (self.tokens, self.due_ns, self.refusals) = (lease.tokens, due, 0);
            }
            Leased::Refused(due) => {
                self.due_ns = due;
                let wait = (due + lease.cost_ns - lease.latest_ns).max(1);
                let longer = wait.saturating_mul(1 << self.refusals.min(20)).min(LONGEST_PAUSE_NS);
                self.refused_until_ns = lease.now_ns + wait.max(longer);
                self.refusals += 1;
            }
        }
    }

    /// Goes on without the table for as many requests as it would have leased.
    pub fn trust(&mut self, lease: Lease) {
        self.tokens = lease.tokens;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START_MS: i64 = 1_800_000_000_000;

    /// The stored number, and containers that lease from it.
    struct Service {
        rate: Rate,
        due: Option<Nanos>,
        containers: Vec<Allowance>,
        leases: u32,
    }

    impl Service {
        fn new(rate: Rate, containers: usize) -> Self {
            Self { rate, due: None, containers: vec![Allowance::default(); containers], leases: 0 }
        }

        fn ask(&mut self, container: usize, at_ms: i64) -> bool {
            let allowance = &mut self.containers[container];
            loop {
                match allowance.take(self.rate, Timestamp::from_ms(START_MS + at_ms)) {
                    Pass::Granted => return true,
                    Pass::Refused { .. } => return false,
                    Pass::Unknown(lease) => {
                        let leased = lease.applied_to(self.due);
                        if let Leased::Granted(due) = leased {
                            self.due = Some(due);
                        }
                        self.leases += 1;
                        allowance.learn(lease, leased);
                    }
                }
            }
        }
    }

    #[test]
    fn after_a_rest_the_burst_passes_and_then_the_rate() {
        let mut service = Service::new(Rate::per_second(5).unwrap(), 1);
        let passed = |service: &mut Service, at| (0..100).filter(|_| service.ask(0, at)).count();
        assert_eq!(passed(&mut service, 0), 10);
        assert_eq!(passed(&mut service, 199), 0);
        assert_eq!(passed(&mut service, 200), 1);
        assert_eq!(passed(&mut service, 60_000), 10);
    }

    #[test]
    fn a_burst_is_whole_however_the_cost_of_a_token_is_rounded() {
        let mut service = Service::new(Rate::new(1_607, 2).unwrap(), 1);
        assert_eq!((0..10).filter(|_| service.ask(0, 0)).count(), 2);
    }

    #[test]
    fn a_steady_load_at_the_rate_passes_with_few_leases() {
        let mut service = Service::new(Rate::new(2_000, 4_000).unwrap(), 1);
        let passed = (0..20_000).filter(|n| service.ask(0, n / 2)).count();
        assert_eq!((passed, service.leases), (20_000, 400));
    }

    #[test]
    fn too_great_a_load_gets_the_rate_and_no_endless_questions() {
        let mut service = Service::new(Rate::new(2_000, 4_000).unwrap(), 100);
        let asked = (0..100_000_usize).filter(|n| service.ask(n % 100, i64::try_from(n / 10).unwrap()));
        let passed = asked.count();
        assert!((20_000..=24_000).contains(&passed), "{passed}");
        assert!(service.leases < 2_500, "{}", service.leases);
    }

    #[test]
    fn no_rate_is_no_limit() {
        assert_eq!(Rate::new(0, 100), None);
        assert!(Rate::new(1, 0).is_some());
    }

    proptest! {
        #![proptest_config(crate::property(4_000))]

        #[test]
        fn never_more_is_granted_than_the_burst_and_the_rate_since(
            per_second in 1_u32..5_000,
            burst in 1_u32..10_000,
            asked in proptest::collection::vec((0_usize..4, 0_i64..2_000, 1_u32..200), 1..60),
        ) {
            let mut service = Service::new(Rate::new(per_second, burst).unwrap(), 4);
            let mut granted: Vec<(i64, i64)> = Vec::new();
            let mut at = 0;
            for (container, pause, times) in asked {
                at += pause;
                let passed = (0..times).filter(|_| service.ask(container, at)).count();
                granted.push((at, i64::try_from(passed).unwrap()));
            }
            // Between any two moments, and of what was leased before at most what containers keep.
            let kept = 4 * i64::from((burst / 40).clamp(1, MOST_LEASED));
            for (index, (from, _)) in granted.iter().enumerate() {
                let mut sum = 0;
                for (to, passed) in &granted[index..] {
                    sum += passed;
                    let earned = (to - from) * i64::from(per_second) / 1_000;
                    let most = i64::from(burst) + earned + if index == 0 { 0 } else { kept };
                    prop_assert!(sum <= most, "{sum} of {most}");
                }
            }
        }

        #[test]
        fn who_asks_alone_and_slowly_enough_is_never_refused(
            per_second in 1_u32..2_000,
            extra in 0_u32..4_000,
            count in 1_u64..500,
        ) {
            // What is due within a millisecond comes at once at its end, for our clock knows no less.
            let burst = 2 + per_second.div_ceil(1_000) + extra;
            let mut service = Service::new(Rate::new(per_second, burst).unwrap(), 1);
            for n in 0..count {
                let at = (n * 1_000).div_ceil(u64::from(per_second));
                prop_assert!(service.ask(0, i64::try_from(at).unwrap()), "{n}");
            }
        }

        #[test]
        fn after_a_rest_the_burst_passes_to_its_last_whole_lease(
            per_second in 1_u32..5_000,
            burst in 1_u32..10_000,
        ) {
            let mut service = Service::new(Rate::new(per_second, burst).unwrap(), 1);
            let tokens = (burst / 40).clamp(1, MOST_LEASED);
            let passed = (0..2 * burst).filter(|_| service.ask(0, 0)).count();
            prop_assert_eq!(passed, usize::try_from(burst / tokens * tokens).unwrap());
        }
    }
}
