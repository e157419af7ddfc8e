//! The program is killed while it works. One kill for each twenty of the long run, `infra/endurance.sh`, and always
//! with the same seed.

use e2e::crash::{self, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn crae_that_is_killed_while_it_works_loses_nothing_and_counts_nothing_twice() {
    let plan = Plan { kills: 3, seed: 20_261_121, crae: env!("CARGO_BIN_EXE_crae").into() };
    let report = crash::run(&plan, &mut |line| println!("{line}")).await.unwrap();
    assert!(report.is_good(), "{report}");
}
