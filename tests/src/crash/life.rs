//! One life of the server: senders, runs and readers at work, until it is killed at a chosen moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::Client;

use super::ledger::{Shop, Work};
use super::send::send;
use super::world::{Unheard, World};
use super::{runs, verify};

/// Senders of one tenant.
const SENDERS: usize = 3;

/// What they send in one life, so that the facts grow with the number of kills and not with the machine's speed.
const SENT_PER_LIFE: i64 = 90;

/// How many deliveries come at once when one of them is to be caught in the queue.
const BURST: usize = 32;

/// How long to wait for what a kill is aimed at.
const MOST_AIMING: Duration = Duration::from_secs(4);

/// What a kill is meant to hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// Deliveries that were acknowledged a moment ago.
    Deliveries,
    /// A run that says it is running.
    Run,
    /// Both at once.
    Both,
    /// Whatever happens to go on.
    Anything,
    /// A server that has not said yet that it serves.
    Start,
}

impl Aim {
    pub(super) fn any(rng: &mut Rng) -> Self {
        match rng.u32(0..20) {
            0..7 => Aim::Deliveries,
            7..13 => Aim::Run,
            13..17 => Aim::Both,
            17..18 => Aim::Anything,
            _ => Aim::Start,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Aim::Deliveries => "at deliveries",
            Aim::Run => "at a run",
            Aim::Both => "at both",
            Aim::Anything => "at random",
            Aim::Start => "at the start",
        }
    }
}

/// Everything that goes on while the server lives.
pub(super) struct Life {
    world: Arc<World>,
    clients: Vec<Client>,
    over: Arc<AtomicBool>,
    tasks: JoinSet<()>,
    sampled: Option<tokio::sync::oneshot::Receiver<()>>,
}

impl Life {
    /// Begins work at once; `seed` picks what is looked at first.
    pub(super) fn begin(world: &Arc<World>, clients: Vec<Client>, aim: Aim, seed: u64) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (tell, sampled) = tokio::sync::oneshot::channel();
        let tasks = JoinSet::new();
        let mut life = Self { world: Arc::clone(world), clients, over, tasks, sampled: Some(sampled) };
        // A kill that is aimed at a run needs one that lasts until then.
        let runs = if matches!(aim, Aim::Run | Aim::Both) { usize::MAX } else { 2 };
        for tenant in 0..life.clients.len().min(world.shops.len()) {
            life.send_for(tenant);
            life.spawn(tenant, async move |world, shop, client, over| {
                runs::drive(&world, shop(&world), &client, runs, &over).await;
            });
            life.spawn(tenant, async move |world, shop, client, over| {
                runs::spy(&world, shop(&world), &client, &over).await;
            });
        }
        let (world, clients) = (Arc::clone(world), life.clients.clone());
        life.tasks.spawn(async move {
            if verify::sample(&world, &clients, seed).await.is_ok() {
                // Nobody waits any more if the server was killed meanwhile.
                drop(tell.send(()));
            }
        });
        life
    }
}
