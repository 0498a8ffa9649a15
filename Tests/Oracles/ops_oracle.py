"""Array, math and logic ops against TensorFlow: see oracle_graphs.py for how."""

from oracle_graphs import COMPLEX, FLOATS, INDICES, INTS, MOVING, NUMERIC, SIGNED, WIDE_FLOATS, case, main


@case("Identity", dtypes=MOVING, exact=True)
def identity(g):
    return g.op("Identity", input=g.feed(g.array(g.shape())))


if __name__ == "__main__":
    main()
