//! The work loop: wakes up, rests, backs off, guards against panics, drains. Time is simulated.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cybexp_service::{
    BEAT_LIMIT, Config, DaemonContext, Fatal, Health, Shutdown, Step, Wake, WakeSignal,
    WorkOptions, Worker, retry, work_loop,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

const S: Duration = Duration::from_secs(1);

/// The scripted outcome of a step.
enum Do {
    Give(Step),
    Fail(&'static str),
    Panic,
    End,
    Take(Duration),
}

/// Does what the script says and then idles; tells when each step began.
#[derive(Clone, Default)]
struct Script {
    steps: Arc<Mutex<VecDeque<Do>>>,
    began: Arc<Mutex<Vec<Instant>>>,
    done: Arc<Mutex<usize>>,
}

impl Script {
    fn new(steps: impl IntoIterator<Item = Do>) -> Self {
        let script = Self::default();
        script.steps.lock().unwrap().extend(steps);
        script
    }

    fn steps(&self) -> usize {
        self.began.lock().unwrap().len()
    }

    /// The times between the steps, in whole seconds.
    fn rests(&self) -> Vec<u64> {
        self.began
            .lock()
            .unwrap()
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).as_secs())
            .collect()
    }
}

impl Worker for Script {
    async fn step(&mut self) -> anyhow::Result<Step> {
        self.began.lock().unwrap().push(Instant::now());
        let next = self.steps.lock().unwrap().pop_front();
        let step = match next {
            None => Step::Idle,
            Some(Do::Give(step)) => step,
            Some(Do::Fail(message)) => anyhow::bail!(message),
            Some(Do::Panic) => panic!("a poison record"),
            Some(Do::End) => return Err(anyhow::anyhow!("no such index").context(Fatal)),
            Some(Do::Take(time)) => {
                sleep(time).await;
                Step::Worked(1)
            }
        };
        *self.done.lock().unwrap() += 1;
        Ok(step)
    }
}

fn context(once: bool) -> DaemonContext {
    let config = Arc::new(Config::default());
    DaemonContext {
        name: "archive",
        config,
        shutdown: Shutdown::new(),
        health: Health::new(),
        once,
    }
}

fn start(ctx: &DaemonContext, script: &Script, wake: WakeSignal) -> JoinHandle<anyhow::Result<()>> {
    let (ctx, script) = (ctx.clone(), script.clone());
    tokio::spawn(async move {
        let options = WorkOptions {
            name: "test",
            poll_interval: 30 * S,
            max_backoff: 20 * S,
        };
        work_loop(&ctx, script, wake, options).await
    })
}

#[tokio::test(start_paused = true)]
async fn a_wake_up_starts_the_next_step_at_once_and_none_is_lost() {
    let (ctx, wake) = (context(false), WakeSignal::new());
    let script = Script::new([Do::Take(5 * S)]);
    let running = start(&ctx, &script, wake.clone());

    sleep(S).await;
    wake.wake(); // in the middle of the first step
    sleep(5 * S).await;
    assert_eq!(
        script.steps(),
        3,
        "the work, the look after it, and the look that the wake-up asks for"
    );
    sleep(3 * S).await;
    assert_eq!(script.steps(), 3, "no more news: at rest");
    wake.wake(); // at rest
    sleep(Duration::from_millis(1)).await;
    assert_eq!(script.steps(), 4);

    ctx.shutdown.begin();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn looks_now_and_then_without_a_wake_up_and_is_alive_meanwhile() {
    let ctx = context(false);
    let script = Script::default();
    let running = start(&ctx, &script, WakeSignal::new());
    for _ in 0..100 {
        sleep(S).await;
        assert_eq!(ctx.health.alive(), Ok(()));
    }
    assert_eq!(script.rests(), [30, 30, 30]);
    ctx.shutdown.begin();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn waits_no_longer_than_the_worker_says() {
    let ctx = context(false);
    let script = Script::new([
        Do::Give(Step::Wait(7 * S)),
        Do::Give(Step::Wait(100 * S)),
        Do::Give(Step::Wait(Duration::ZERO)),
    ]);
    let running = start(&ctx, &script, WakeSignal::new());
    sleep(39 * S).await;
    assert_eq!(script.rests(), [7, 30, 0]);
    ctx.shutdown.begin();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn work_without_items_does_not_spin() {
    let ctx = context(false);
    let script = Script::new([Do::Give(Step::Worked(0)), Do::Give(Step::Worked(3))]);
    let running = start(&ctx, &script, WakeSignal::new());
    sleep(31 * S).await;
    assert_eq!(script.rests(), [30, 0]);
    ctx.shutdown.begin();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn failures_and_panics_back_off_up_to_the_limit_and_recover() {
    let ctx = context(false);
    let away = || Do::Fail("connection refused");
    let script = Script::new([
        away(),
        Do::Panic,
        away(),
        away(),
        away(),
        away(),
        Do::Give(Step::Worked(1)),
        away(),
    ]);
    let running = start(&ctx, &script, WakeSignal::new());
    sleep(S).await;
    assert_eq!(
        ctx.health.readiness().unwrap_err()["test"],
        "connection refused"
    );
    sleep(3 * S).await;
    assert_eq!(
        ctx.health.readiness().unwrap_err()["test"],
        "panic: a poison record"
    );
    for _ in 0..90 {
        sleep(S).await;
        assert_eq!(ctx.health.alive(), Ok(()), "a loop that backs off is alive");
    }
    assert_eq!(ctx.health.readiness(), Ok(()));
    let rests = script.rests();
    for (rest, shortest) in rests.iter().zip([2, 4, 8, 16, 20, 20, 0, 2]) {
        assert!(
            (shortest..=shortest + 1).contains(rest) && *rest <= 20,
            "{rests:?}"
        );
    }
    ctx.shutdown.begin();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_step_that_hangs_is_not_alive() {
    let ctx = context(false);
    let running = start(&ctx, &Script::new([Do::Take(200 * S)]), WakeSignal::new());
    sleep(BEAT_LIMIT - S).await;
    assert_eq!(ctx.health.alive(), Ok(()));
    sleep(2 * S).await;
    assert_eq!(
        ctx.health.alive(),
        Err("test has not moved for 61 s".to_owned())
    );
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn shutdown_finishes_the_step_in_hand_and_begins_no_other() {
    let ctx = context(false);
    let script = Script::new([Do::Take(5 * S), Do::Take(5 * S)]);
    let running = start(&ctx, &script, WakeSignal::new());
    sleep(S).await;
    ctx.shutdown.begin();
    let asked = Instant::now();
    running.await.unwrap().unwrap();
    assert_eq!((script.steps(), *script.done.lock().unwrap()), (1, 1));
    assert_eq!(asked.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn shutdown_cuts_every_rest_short() {
    for first in [
        Do::Give(Step::Idle),
        Do::Give(Step::Wait(20 * S)),
        Do::Fail("away"),
    ] {
        let ctx = context(false);
        let running = start(&ctx, &Script::new([first]), WakeSignal::new());
        sleep(S).await;
        ctx.shutdown.begin();
        let asked = Instant::now();
        running.await.unwrap().unwrap();
        assert!(asked.elapsed() < S);
    }
}

#[tokio::test(start_paused = true)]
async fn once_does_all_there_is_then_ends() {
    let work = || Do::Give(Step::Worked(2));
    let script = Script::new([
        work(),
        Do::Fail("away"),
        work(),
        Do::Give(Step::Wait(90 * S)),
        work(),
    ]);
    let began = Instant::now();
    start(&context(true), &script, WakeSignal::new())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(script.steps(), 6);
    assert!(
        (92..=93).contains(&began.elapsed().as_secs()),
        "the lease was waited for"
    );
}

#[tokio::test(start_paused = true)]
async fn once_gives_up_after_four_failures_in_a_row() {
    let script = Script::new((0..9).map(|_| Do::Fail("connection refused")));
    let error = start(&context(true), &script, WakeSignal::new())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(
        (script.steps(), error.to_string()),
        (4, "connection refused".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_fatal_error_ends_the_loop() {
    let script = Script::new([Do::End]);
    let error = start(&context(false), &script, WakeSignal::new())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(
        (script.steps(), format!("{error:#}")),
        (1, "cannot go on: no such index".to_owned())
    );
}

/// A source of wake-ups that yields the results sent to it.
struct ScriptedNews(mpsc::UnboundedReceiver<anyhow::Result<()>>);

impl Wake for ScriptedNews {
    async fn wait(&mut self) -> anyhow::Result<()> {
        match self.0.recv().await {
            Some(result) => result,
            None => std::future::pending().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_of_news_wakes_and_its_loss_is_made_up_for_by_polling() {
    let ctx = context(false);
    let script = Script::default();
    let (tell, feed) = mpsc::unbounded_channel();
    let running = start(&ctx, &script, WakeSignal::follow(ScriptedNews(feed)));

    sleep(S).await;
    tell.send(Ok(())).unwrap();
    sleep(S).await;
    assert_eq!(script.steps(), 2, "at the start and at the news");

    tell.send(Err(anyhow::anyhow!("the stream has ended")))
        .unwrap();
    sleep(5 * S).await;
    let polled = script.steps() - 2;
    assert!((5..=6).contains(&polled), "{polled} looks in 5 s");

    sleep(20 * S).await; // no error for long enough: the source is there again
    let before = script.steps();
    sleep(20 * S).await;
    assert!(script.steps() <= before + 1, "at rest again");

    ctx.shutdown.begin();
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn retry_goes_on_until_it_works() {
    let ctx = context(false);
    let mut tries = 0;
    let found = retry(&ctx, "database", 20 * S, || {
        tries += 1;
        let found = if tries < 6 {
            Err(anyhow::anyhow!("away"))
        } else {
            Ok(tries)
        };
        async move { found }
    });
    assert_eq!(found.await.unwrap(), Some(6));
    assert_eq!(ctx.health.readiness(), Ok(()));

    ctx.shutdown.begin();
    assert_eq!(
        retry(&ctx, "database", 20 * S, async || Ok(1))
            .await
            .unwrap(),
        None
    );
    let ctx = context(false);
    let fatal = retry(&ctx, "database", 20 * S, async || {
        Err::<(), _>(anyhow::anyhow!("index conflict").context(Fatal))
    });
    assert!(fatal.await.is_err());
}
