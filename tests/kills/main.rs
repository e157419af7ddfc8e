//! One in twenty of the kill points, always the same; all of them in the long run, `infra/endurance.sh`.

use e2e::kill_points::{self, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_stack_is_killed_it_shows_the_same_in_the_end() {
    let program = env!("CARGO_BIN_EXE_kill-points").into();
    let plan = Plan { program, one_in: 20, seed: 20_261_121, jobs: 4 };
    let report = kill_points::run(&plan, &mut |line| println!("{line}")).await.unwrap();
    assert!(report.is_good(), "{report}");
    assert!(report.points >= 1_000, "{report}");
}
