"""The state and its link: what is good comes back to the last bit, what is not is named and left out."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.state import KEYS, Settings, State
from zmix_core.manifolds import MANIFOLDS

SCRIPTS = [
    "<img src=x onerror=window.pwned=1>",
    "<script>window.pwned=1</script>",
    "<svg onload=window.pwned=1>",
]


@pytest.fixture(autouse=True)
def no_data(tmp_path_factory, monkeypatch):
    """Only the digits are on disk."""
    monkeypatch.setenv("ZMIX_DATA", str(tmp_path_factory.getbasetemp() / "no-such-folder"))


def read(query: str) -> tuple[State, list[str]]:
    """A page that is opened by a link, and what it complains about."""
    state = State()
    return state, state.read_query(dict(parse_qsl(query, keep_blank_values=True)))


def values(state: State) -> dict[str, object]:
    return {key: getattr(state, key) for key in KEYS}


# There and back


def test_the_link_holds_the_whole_state():
    assert set(KEYS) == set(State.param) - {"name"}


def test_what_it_starts_with():
    state = State()
    assert state.settings() == Settings("manifolds", "crescents", 32, 2.8, 1.0, True, "self", "auto", 0)
    for query in ("", state.query()):
        again, problems = read(query)
        assert problems == []
        assert values(again) == values(state)


def degrees(low: float, high: float) -> st.SearchStrategy[float]:
    """What the browser sends of the camera: three digits behind the point."""
    return st.integers(int(1000 * low), int(1000 * high)).map(lambda number: number / 1000)


STATES = st.fixed_dictionaries(
    {
        "view": st.sampled_from(["manifolds", "images", "dimension", "training"]),
        "manifold": st.sampled_from(sorted(MANIFOLDS)),
        "dimension": st.sampled_from([*sorted(MANIFOLDS), "digits"]),
        "n": st.integers(2, 10**6),
        "gamma": st.floats(0, 15),
        "alpha": st.floats(0, 10),
        "per_sample": st.booleans(),
        "anchor": st.sampled_from(["self", "random"]),
        "scheme": st.sampled_from(["auto", "independent", "circulant"]),
        "seed": st.integers(0, 2**31 - 1),
        "ks": st.lists(st.integers(2, 10**6), min_size=1, max_size=2, unique=True).map(sorted),
        "gammas": st.lists(st.floats(0, 15), min_size=2, max_size=2, unique=True).map(sorted).map(tuple),
        "quick": st.booleans(),
        "colours": st.sampled_from(["class", "first", "second"]),
        "training": st.sampled_from(["small", "table-1", "table-2", "table-3", "table-A3", "own"]),
        "setting": st.sampled_from(["", "digits", "isic-2016, network resnet-50"]),
        "metric": st.sampled_from(["", "ERR", "F1-micro"]),
        "hidden": st.lists(st.sampled_from(["erm", "zeta-2.8, N = 8", "cutmix+zeta"]), unique=True),
        "against": st.sampled_from(["erm", "mixup"]),
        "seeds": st.integers(1, 10),
        "epochs": st.integers(1, 200),
        "beside": st.sampled_from(["both", "erm", "mixup", "none"]),
        "camera": st.just([])
        | st.tuples(
            degrees(-180, 180), degrees(-90, 90), degrees(0.2, 40), degrees(-20, 20), degrees(-20, 20)
        ).map(list),
        "theme": st.sampled_from(["light", "dark"]),
    }
)


@given(STATES)
def test_a_link_brings_back_every_state_to_the_last_bit(chosen):
    state = State(**chosen)
    again, problems = read(state.query())
    assert problems == []
    assert values(again) == values(state)
    assert again.settings() == state.settings()
    assert again.query() == state.query()


def test_names_of_data_may_hold_any_sign(tmp_path, monkeypatch):
    name = "a&b=c#d <img src=x> + 100 %?ü.npz"
    state = State()
    state.offer_images(name)
    state.images = name
    again = State()
    again.offer_images(name)
    assert again.read_query(dict(parse_qsl(state.query()))) == []
    assert again.images == name


def test_settings_are_of_the_tab_in_front():
    state = State(view="images", manifold="spirals")
    assert state.settings().data == "digits"
    state.view = "manifolds"
    assert state.settings().data == "spirals"
    state.view = "dimension"
    assert state.settings().data == "helix-r3"


def test_settings_stay_as_they_were_while_the_state_moves_on():
    state = State(gamma=1.0)
    settings = state.settings()
    state.gamma = 2.0
    assert settings.gamma == 1.0
    with pytest.raises(AttributeError):
        settings.gamma = 3.0


def test_reset_keeps_tab_data_and_theme():
    kept = {"view": "images", "manifold": "spirals", "dimension": "digits", "theme": "dark"}
    state = State(**kept, n=9, gamma=0.5, alpha=3, per_sample=False)
    state.param.update(anchor="random", scheme="circulant", seed=7, camera=[1.0, 2.0, 1.5, 0.1, 0.2])
    state.param.update(ks=[5], gammas=(1.0, 2.0), quick=True, colours="second")
    state.reset()
    assert values(state) == values(State(**kept))


# Tampered with


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("key", [*KEYS, "no_such_key"])
def test_markup_is_left_out_and_named(key, script):
    state, problems = read(f"{key}={script}")
    [problem] = problems
    assert repr(key) in problem
    assert repr(script) in problem
    assert "left out" in problem
    assert values(state) == values(State())


BAD = [
    ("n", "1"),
    ("n", "0"),
    ("n", "-5"),
    ("n", "2.5"),
    ("n", ""),
    ("n", "many"),
    ("n", "²"),
    ("n", "9" * 5000),
    ("gamma", "nan"),
    ("gamma", "inf"),
    ("gamma", "-inf"),
    ("gamma", "1e999"),
    ("gamma", "-1"),
    ("gamma", "-1e-300"),
    ("gamma", "15.0001"),
    ("gamma", "1,5"),
    ("alpha", "-0.1"),
    ("alpha", "10.5"),
    ("alpha", "nan"),
    ("seed", "-1"),
    ("seed", str(2**31)),
    ("seed", "1.0"),
    ("per_sample", "True"),
    ("per_sample", "2"),
    ("dimension", "mnist"),
    ("ks", ""),
    ("ks", "8,128,512"),
    ("ks", "8,8"),
    ("ks", "1"),
    ("ks", "-8"),
    ("ks", "8.5"),
    ("ks", "9" * 5000),
    ("ks", "1000001"),
    ("gammas", "3"),
    ("gammas", "3,3"),
    ("gammas", "4,3"),
    ("gammas", "0,15.5"),
    ("gammas", "-1,4"),
    ("gammas", "0,nan"),
    ("gammas", "0,5,10"),
    ("quick", "yes"),
    ("colours", "third"),
    ("camera", "1,2"),
    ("camera", "1,2,1,0,0,0"),
    ("camera", "1,2,one,0,0"),
    ("camera", "nan,0,1,0,0"),
    ("camera", "0,inf,1,0,0"),
    ("camera", "0,0,1e20,0,0"),
    ("camera", "0,0,0,0,0"),
    ("camera", "0,0,1,1e20,0"),
    ("view", "trained"),
    ("training", "table-4"),
    ("setting", "digits;alert`1`"),
    ("metric", "loss"),
    ("against", "cutmix"),
    ("train", "cifar10"),
    ("seeds", "11"),
    ("epochs", "0"),
    ("beside", "all"),
    ("manifold", "digits"),
    ("manifold", "../../etc/passwd"),
    ("images", "mnist"),
    ("images", "/etc"),
    ("images", "../.."),
    ("anchor", "SELF"),
    ("scheme", ""),
    ("theme", "x" * 10_000),
    ("name", "another"),
    ("param", "x"),
    ("", "x"),
    ("__class__", "x"),
]


@pytest.mark.parametrize(("key", "text"), BAD, ids=lambda text: text[:20])
def test_a_bad_value_is_left_out_and_named(key, text):
    state = State(gamma=1.5, n=7, seed=3)
    before = values(state)
    [problem] = state.read_query({key: text})
    assert repr(key) in problem
    assert "expected" in problem
    assert len(problem) < 400
    assert values(state) == before


def test_a_message_says_what_fits():
    said = {key: State().read_query({key: "<"})[0] for key in KEYS}
    assert "manifolds" in said["view"]
    assert "helix-r3" in said["manifold"]
    assert "whole number from 2" in said["n"]
    assert "from 0 to 15" in said["gamma"]
    assert "0 or 1" in said["per_sample"]
    assert "circulant" in said["scheme"]
    assert "zoom" in said["camera"]
    assert "below m" in said["ks"]
    assert "smaller one first" in said["gammas"]


def test_good_keys_are_taken_beside_bad_ones():
    state, problems = read("gamma=bad&n=17&nothing=1&seed=4")
    assert (state.gamma, state.n, state.seed) == (2.8, 17, 4)
    assert len(problems) == 2


@given(st.sampled_from([*KEYS, "other"]), st.text(max_size=40))
def test_whatever_a_link_says_the_state_stays_good(key, text):
    state = State()
    problems = state.read_query({key: text})
    again, nothing = read(state.query())
    assert nothing == []
    assert values(again) == values(state)
    assert problems == [] or values(state) == values(State())
