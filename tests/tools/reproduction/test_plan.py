"""Plans: what they mean, and that everything wrong in one is said in a sentence."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gluon_wgan.cli.flags import build_parser, chosen_options
from gluon_wgan.config.train_config import preset_config
from gluon_wgan.errors import UserError
from gluon_wgan.training import schedule
from tests.conftest import REPOSITORY
from tests.tools.reproduction.plans import TINY, all_names
from tools.reproduction.plan import NO_STORE, Plan, Run, read_plan
from tools.reproduction.training import flags_of

PLANS = sorted((REPOSITORY / "plans").glob("*.toml"))
COMMITTED = {path.stem: read_plan(path) for path in PLANS}
QUICK = (REPOSITORY / "plans" / "quick.toml").read_text(encoding="utf-8")
EVERY_RUN = [
    pytest.param(run, id=f"{plan.name}-{run.name}")
    for plan in COMMITTED.values()
    for run in (*plan.runs.values(), *plan.starts.values())
]


def test_quick_and_standard_have_the_same_names_and_kinds_of_runs():
    quick, standard, full = (COMMITTED[name] for name in ("quick", "standard", "full"))
    for kind in ("runs", "starts"):
        ours, theirs = getattr(quick, kind), getattr(standard, kind)
        assert list(ours) == list(theirs)
        for name, run in ours.items():
            assert (run.what.split(",")[0], run.resize) == (theirs[name].what.split(",")[0], theirs[name].resize)
        assert set(getattr(full, kind)) == set(theirs) - {"long"}
    assert (standard.image_size, full.image_size) == (32, 64)


def test_a_plan_means_what_is_written_in_it(plan_file):
    plan = read_plan(plan_file())
    assert (plan.name, plan.image_size, plan.crop, plan.held_out, plan.split_seed, plan.judged) == (
        ("tiny", 32, None, 16, 0, 16)
    )
    wgan, gp, begin = plan.runs["wgan"], plan.runs["gp"], plan.starts["begin"]
    assert (wgan.name, wgan.what, wgan.seeds, wgan.moments) == ("wgan", "plain", (0, 1), (4, 8))
    assert (wgan.resize, gp.seeds, begin.moments) == ("pil-bilinear", (0,), (2,))
    config = gp.config(5, NO_STORE)
    assert (config.seed, config.objective, config.ngf, config.gen_iters, config.data) == (5, "wgan-gp", 4, 8, "store")
    assert wgan.config(0, NO_STORE).objective == "wgan"


def test_an_option_of_a_run_comes_before_the_common_one_and_a_crop_may_have_a_name(plan_file):
    text = TINY.replace('what = "plain"', 'what = "plain"\nngf = 8\nresize = "cv2"\nmoments = [8]')
    plan = read_plan(plan_file('crop = "celeba"\n' + text))
    assert plan.crop == (35, 55, 143, 163)
    assert plan.runs["wgan"].options["ngf"] == 8 and plan.runs["gp"].options["ngf"] == 4
    assert plan.runs["wgan"].resize == "cv2-bicubic" and "resize" not in plan.runs["wgan"].options
    assert plan.runs["wgan"].moments == (8,)


def test_moments_by_default_are_the_checkpoints_and_the_end(plan_file):
    assert read_plan(plan_file(TINY.replace("gen_iters = 8", "gen_iters = 9"))).runs["wgan"].moments == (4, 8, 9)
    assert read_plan(plan_file(TINY.replace("gen_iters = 8", "gen_iters = 3"))).runs["wgan"].moments == (3,)


def test_the_standard_plan_compares_at_equal_critic_steps():
    # 25 warm-up iterations and iteration 500 with 100 steps, 974 with 5.
    assert 26 * 100 + 974 * 5 == 7470
    for name in ("wgan", "no-warmup", "dcgan", "wgan-gp"):
        run = COMMITTED["standard"].runs[name]
        assert schedule.critic_steps_until(run.moments[-1], run.config(0, NO_STORE)) == 7470


def test_the_confirmation_has_new_seeds_and_is_the_exploration_in_everything_else():
    standard = COMMITTED["standard"]
    assert {name for name, plan in COMMITTED.items() if plan.report} == {"quick", "standard", "full"}
    for name in ("confirmation", "others"):
        plan = COMMITTED[name]
        assert (plan.image_size, plan.crop, plan.held_out, plan.split_seed, plan.judged) == (
            (standard.image_size, standard.crop, standard.held_out, standard.split_seed, standard.judged)
        )
        for run in plan.runs.values():
            theirs = standard.runs[run.name]
            assert run.config(0, NO_STORE) == theirs.config(0, NO_STORE) and run.resize == theirs.resize
            assert run.seeds == tuple(range(3, 13 if name == "confirmation" else 8))
    assert not set(COMMITTED["confirmation"].runs) & set(COMMITTED["others"].runs)
    judging = [plan for name, plan in COMMITTED.items() if not plan.report and name != "photographs-64"]
    assert not {0, 1, 2} & {seed for plan in judging for run in plan.runs.values() for seed in run.seeds}


def test_plans_that_share_a_folder_have_the_same_images_and_no_run_in_common():
    names = ("confirmation", "port", "schedule", "others", "epsilon")
    plans = [COMMITTED[name] for name in names]
    assert len({(plan.image_size, plan.crop, plan.held_out, plan.split_seed, plan.judged) for plan in plans}) == 1
    runs = [name for plan in plans for name in (*plan.runs, *plan.starts)]
    assert len(runs) == len(set(runs))


def test_warm_up_and_boost_are_compared_at_equal_critic_steps_and_iterations():
    for run in COMMITTED["schedule"].runs.values():
        assert schedule.critic_steps_until(run.moments[-1], run.config(3, NO_STORE)) == 7470
        assert 1000 in run.moments


def test_a_preset_decides_the_backend_unless_the_run_does():
    port, reference = (COMMITTED["port"].runs[name] for name in ("port2018", "reference"))
    assert (port.resize, reference.resize) == ("mxnet-area", "pil-bilinear")
    assert (port.config(3, NO_STORE).clip_running_stats, port.config(3, NO_STORE).epochs) == (True, None)


def test_a_plan_without_a_report_needs_neither_seed_0_nor_the_base_run(plan_file):
    text = TINY.replace("seeds = [0, 1]", "seeds = [3]").replace("[runs.wgan]", "[runs.other]")
    plan = read_plan(plan_file("report = false" + text))
    assert plan.runs["other"].seeds == (3,) and not plan.report
    starts_alone = TINY[: TINY.index("[runs.wgan]")] + TINY[TINY.index("[starts.begin]") :]
    assert not read_plan(plan_file("report = false" + starts_alone)).runs


@pytest.mark.parametrize("run", EVERY_RUN)
def test_the_flags_of_a_run_mean_its_options(run: Run):
    chosen = chosen_options(build_parser("").parse_args(flags_of(run.options)))
    assert chosen == run.options
    assert preset_config(chosen.pop("preset", "gluon"), **chosen) == run.config(0, NO_STORE).replace(data=None, seed=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"no_bn": True}, ["--no-bn"]),
        ({"no_bn": False}, []),
        ({"clip_bn": False, "drop_last": True}, ["--no-clip-bn", "--drop-last"]),
        ({"lr_d": 1e-8, "n_critic": 5, "init": "mxnet"}, ["--lr-d", "1e-08", "--n-critic", "5", "--init", "mxnet"]),
    ],
)
def test_flags_are_those_of_the_training_script(options, words):
    assert flags_of(options) == words
    build_parser("").parse_args(words)


def refused(path) -> str:
    with pytest.raises(UserError) as stop:
        read_plan(path)
    sentence = str(stop.value)
    assert "\n" not in sentence and sentence.endswith(".") and len(sentence) < 500
    return sentence


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("seeds = [0, 1]", "", "does not say seeds"),
        ("image_size = 32", "", "does not say image_size"),
        ("held_out = 16", "", "does not say held_out"),
        ('what = "plain"', "", "does not say what"),
        ("gen_iters = 8", "", "does not say gen_iters"),
        ("image_size = 32", "image_size = 32\nsize = 3", "says size, which means nothing"),
        ("ngf = 4", "nfg = 4", "sets nfg, which is no option"),
        ("ngf = 4", "seed = 4", "sets seed, which is no option"),
        ("ngf = 4", "image_size = 64", "sets image_size, which is no option"),
        ("ngf = 4", "data = 'x'", "sets data, which is no option"),
        ("ngf = 4", "out = 'x'", "sets out, which is no option"),
        ("ngf = 4", "epochs = 3", "sets epochs, which is no option"),
        ("ngf = 4", "keep_checkpoints = 1", "sets keep_checkpoints, which is no option"),
        ("ngf = 4", "crop = 'celeba'", "sets crop, which is no option"),
        ("gen_iters = 8", "gen_iters = 8\nmoments = [3, 8]", "evaluated at 3, 8, but has checkpoints every 4"),
        ("gen_iters = 8", "gen_iters = 8\nmoments = [4]", "evaluated at 4, but"),
        ("gen_iters = 8", "gen_iters = 8\nmoments = [8, 12]", "evaluated at 8, 12, but"),
        ("gen_iters = 8", "gen_iters = 8\nmoments = [0, 8]", "says moments 0"),
        ("gen_iters = 8", "gen_iters = 8\nmoments = [8, 8]", "different whole numbers"),
        ("gen_iters = 8", "gen_iters = 8\nmoments = []", "different whole numbers"),
        ("gen_iters = 8", "gen_iters = 8\nmoments = 8", "different whole numbers"),
        ("gen_iters = 8", "gen_iters = 8.0", "says gen_iters 8.0"),
        ("gen_iters = 8", "gen_iters = 0", "says gen_iters 0"),
        ("gen_iters = 8", "gen_iters = true", "says gen_iters True"),
        ("checkpoint_every = 4", "checkpoint_every = 0", "says checkpoint_every 0"),
        ("gen_iters = 8", "gen_iters = 2147483647", "has 536870911 checkpoints: save fewer"),
        ("checkpoint_every = 4", "checkpoint_every = 'x'", "says checkpoint_every 'x'"),
        ("held_out = 16", "held_out = inf", "says held_out inf"),
        ("held_out = 16", "held_out = nan", "says held_out nan"),
        ("held_out = 16", "held_out = '16'", "says held_out '16'"),
        ("held_out = 16", "held_out = 15", "says held_out 15"),
        ("judged = 16", "judged = 15", "says judged 15"),
        ("split_seed = 0", "split_seed = -1", "says split_seed -1"),
        ("image_size = 32", "image_size = 48", "48 is not 16 * 2^k"),
        ("image_size = 32", "image_size = 32\ncrop = '9,9,1,1'", "9,9,1,1 is empty"),
        ("image_size = 32", "image_size = 32\ncrop = [1, 2, 3, 4]", "cannot be understood"),
        ("seeds = [0, 1]", "seeds = []", "says seeds []"),
        ("seeds = [0, 1]", "seeds = [0, 0]", "says seeds [0, 0]"),
        ("seeds = [0, 1]", "seeds = '01'", "says seeds '01'"),
        ("seeds = [0, 1]", "seeds = 1", "says seeds 1"),
        ("seeds = [0, 1]", "seeds = [-1, 0]", "says seeds -1"),
        ("seeds = [0, 1]", "seeds = [1, 2]", "have 0 among them"),
        ("[runs.wgan]", "[runs.other]", "it needs a run wgan"),
        ("[runs.wgan]", "[runs.'a b']", "called 'a b'"),
        ("[runs.wgan]", "[runs.'../x']", "called '../x'"),
        ("[starts.begin]", "[starts.gp]", "every run a name of its own"),
        ("ngf = 4", "ngf = '4'", "The run wgan cannot be: --ngf '4'"),
        ("ngf = 4", "init = 'none'", "The run wgan cannot be: --init 'none'"),
        ("ngf = 4", "resize = 'bad'", "no resize backend 'bad'"),
        ("ngf = 4", "resize = 3", "cannot be understood"),
        ('preset = "wgan-gp"', 'preset = "none"', "The run gp cannot be: There is no preset 'none'"),
        ("gen_iters = 2", "gen_iters = 2\nstop_at_epoch_end = true", "The start begin stops at an epoch's end"),
        ("[common]", "[[common]]", "cannot be understood"),
        ("[starts.begin]", "[[starts]]", "cannot be understood"),
        ("[common]", "[common", "is not TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(old, new, sentence, plan_file):
    assert old in TINY
    assert sentence in refused(plan_file(TINY.replace(old, new, 1)))


def test_a_file_that_is_no_plan_is_refused_in_one_sentence(tmp_path, plan_file):
    assert "No such file" in refused(tmp_path / "none.toml")
    assert "directory" in refused(tmp_path)
    assert "does not say seeds" in refused(plan_file(""))
    assert "does not say" in refused(plan_file("[runs]\n"))
    (tmp_path / "bytes.toml").write_bytes(TINY.encode() + b"# \xff\xfe")
    assert "can't decode" in refused(tmp_path / "bytes.toml")
    assert "is not TOML" in refused(plan_file("a = " + "[" * 5000))


VALUES = st.one_of(
    st.none(),
    st.sampled_from(["[]", "[[1]]", "{}", "{a = 1}", "true", "1979-05-27", "inf", "nan", "''", "'x'", '"\\u0000"']),
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, QUICK.count(" = ") - 1), VALUES)
def test_any_value_anywhere_makes_a_plan_or_a_sentence(plan_file, place, value):
    parts = QUICK.split(" = ")
    first, *rest = parts[place + 1].split("\n")
    parts[place + 1] = "\n".join([first if value is None else value, *rest])
    accepted_or_refused(plan_file(" = ".join(parts)))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_mangled_text_makes_a_plan_or_a_sentence(plan_file, data):
    start = data.draw(st.integers(0, len(TINY)))
    end = data.draw(st.integers(start, min(len(TINY), start + 40)))
    put = data.draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
    accepted_or_refused(plan_file(TINY[:start] + put + TINY[end:]))


def accepted_or_refused(path) -> None:
    try:
        plan = read_plan(path)
    except UserError as error:
        assert "\n" not in str(error)
        return
    assert isinstance(plan, Plan)
    for run in (*plan.runs.values(), *plan.starts.values()):
        assert run.seeds[0] == 0 and len(set(run.seeds)) == len(run.seeds)
        assert run.moments[0] >= 1 and run.moments[-1] == run.config(0, NO_STORE).gen_iters


def test_one_run_or_start_can_be_chosen(plan_file):
    plan = read_plan(plan_file())
    assert plan.only(None) == (list(plan.runs.values()), list(plan.starts.values()))
    assert plan.only("gp") == ([plan.runs["gp"]], [])
    assert plan.only("begin") == ([], [plan.starts["begin"]])
    with pytest.raises(UserError, match="The plan tiny has no run 'x': choose one of wgan, gp, begin, or one of its"):
        plan.only("x")


def test_one_seed_of_a_run_can_be_chosen(plan_file):
    plan = read_plan(plan_file())
    [run], starts = plan.only("wgan-seed1")
    assert (run.name, run.seeds, starts) == ("wgan", (1,), []) and run.options == plan.runs["wgan"].options
    for name in ("wgan-seed7", "wgan-seed", "wgan-seed01", "seed1"):
        with pytest.raises(UserError, match="RUN-seedN"):
            plan.only(name)


def test_the_small_plan_of_all_names_is_the_quick_plan_made_small(plan_file):
    plan = read_plan(plan_file(all_names()))
    assert (list(plan.runs), list(plan.starts)) == (list(COMMITTED["quick"].runs), list(COMMITTED["quick"].starts))
