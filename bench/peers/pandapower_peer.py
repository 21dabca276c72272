"""pandapower with numba: situations one after the other, as its own time series do, with its structures reused."""

import warnings

import numpy as np
import pandapower as pp

warnings.filterwarnings("ignore")


class PandapowerPeer:
    def __init__(self, case):
        self.case = case
        self.estimates = "voltageV" in case.about["columns"]
        self.net = grid_net(case, not self.estimates)
        if self.estimates:
            self.values = add_measurements(case, self.net)
        self.active = case.column("activePowerW") / 1e6
        self.reactive = case.column("reactivePowerVar") / 1e6
        self.answers = []

    def power_flow(self, method, count):
        self.answers = []
        for situation in range(count):
            if self.case.three_phase:
                self.three_phase(situation)
            else:
                self.balanced(situation, method)

    def balanced(self, situation, method):
        net = self.net
        net.load["p_mw"] = self.active[situation]
        net.load["q_mvar"] = self.reactive[situation]
        pp.runpp(
            net,
            algorithm=method,
            init="flat",
            calculate_voltage_angles=True,
            tolerance_mva=1e-8,
            max_iteration=100,
            numba=True,
            check_connectivity=False,
            recycle={"bus_pq": True, "trafo": False, "gen": False},
        )
        buses = self.case.buses
        self.answers.append((
            net.res_bus["vm_pu"].to_numpy()[:buses],
            np.radians(net.res_bus["va_degree"].to_numpy()[:buses]),
            net.res_line["p_from_mw"].to_numpy()[:-1] * 1e6,
            net.res_line["q_to_mvar"].to_numpy()[:-1] * 1e6,
        ))  # fmt: skip

    def estimation(self, method, count):
        from pandapower.estimation import estimate

        self.answers = []
        net = self.net
        for situation in range(count):
            net.measurement["value"] = self.values[situation]
            done = estimate(net, algorithm=method, init="flat", tolerance=1e-8, maximum_iterations=50, zero_injection=None)
            if not (done["success"] if isinstance(done, dict) else done):
                raise RuntimeError("the estimation does not converge")
            res, line = net.res_bus_est, net.res_line_est
            self.answers.append((
                res["vm_pu"].to_numpy().copy(),
                np.radians(res["va_degree"].to_numpy()),
                line["p_from_mw"].to_numpy() * 1e6,
                line["q_to_mvar"].to_numpy() * 1e6,
            ))  # fmt: skip

    def three_phase(self, situation):
        net = self.net
        for k, phase in enumerate("abc"):
            net.asymmetric_load[f"p_{phase}_mw"] = self.active[situation, :, k]
            net.asymmetric_load[f"q_{phase}_mvar"] = self.reactive[situation, :, k]
        pp.runpp_3ph(net, init="flat", tolerance_mva=1e-8, max_iteration=100, numba=True, check_connectivity=False)
        buses = self.case.buses
        res, line = net.res_bus_3ph, net.res_line_3ph

        def phases(table, name, factor, rows):
            return factor * np.column_stack([table[name.format(p)].to_numpy()[rows] for p in "abc"])

        self.answers.append((
            phases(res, "vm_{}_pu", 1, slice(0, buses)),
            phases(res, "va_{}_degree", np.pi / 180, slice(0, buses)),
            phases(line, "p_{}_from_mw", 1e6, slice(0, -1)),
            phases(line, "q_{}_to_mvar", 1e6, slice(0, -1)),
        ))  # fmt: skip

    def write_answers(self, _method, name):
        for k, column in enumerate(("voltagePu", "angleRad", "activeFromW", "reactiveToVar")):
            self.case.write(name, column, np.stack([answer[k] for answer in self.answers]))


def grid_net(case, with_source_impedance):
    """The source's impedance is a line of its own, for an external grid holds its voltage at the terminals here."""
    about = case.about
    kv = about["nominalVoltageV"] / 1e3
    net = pp.create_empty_network(f_hz=50, sn_mva=1)
    pp.create_buses(net, case.buses, vn_kv=kv)
    slack = pp.create_bus(net, vn_kv=kv) if with_source_impedance else 0
    source = about["source"]
    pp.create_ext_grid(
        net, slack, vm_pu=source["voltagePu"], s_sc_max_mva=1e12, rx_max=0.1, r0x0_max=0.1, x0x_max=1.0
    )
    column = case.column
    z = about["nominalVoltageV"] ** 2 / source["shortCircuitPowerVA"]
    x = z / np.sqrt(1 + source["rx"] ** 2)
    r = x * source["rx"]

    def with_source(name, own):
        return np.append(column(name), own) if with_source_impedance else column(name)

    pp.create_lines_from_parameters(
        net,
        from_buses=with_source("from", slack).astype(int),
        to_buses=with_source("to", 0).astype(int),
        length_km=1.0,
        r_ohm_per_km=with_source("r1", r),
        x_ohm_per_km=with_source("x1", x),
        c_nf_per_km=with_source("c1", 0) * 1e9,
        g_us_per_km=0.0,
        max_i_ka=with_source("i_n", 1e3) / 1e3,
        r0_ohm_per_km=with_source("r0", r),
        x0_ohm_per_km=with_source("x0", x),
        c0_nf_per_km=with_source("c0", 0) * 1e9,
        g0_us_per_km=0.0,
    )
    buses = case.index("loadBus")
    if case.three_phase:
        for bus in buses:
            pp.create_asymmetric_load(net, bus, type="wye")
    else:
        pp.create_loads(net, buses, p_mw=0.0, q_mvar=0.0)
    return net


def add_measurements(case, net):
    """Values by situation in the order of the table; injections count consumption as positive here, as loads do."""
    sigma = case.about["sigma"]
    nominal = case.about["nominalVoltageV"]
    values = []

    def add(kind, element_type, elements, measured, deviation, side=None):
        for element in elements:
            pp.create_measurement(net, kind, element_type, 0.0, deviation, element, side=side)
        values.append(measured)

    add("v", "bus", case.index("voltageBus"), case.column("voltageV") / nominal, sigma["voltageV"] / nominal)
    loads, lines = case.index("loadBus"), case.index("flowLine")
    add("p", "bus", loads, case.column("activePowerW") / 1e6, sigma["loadW"] / 1e6)
    add("q", "bus", loads, case.column("reactivePowerVar") / 1e6, sigma["loadW"] / 1e6)
    add("p", "line", lines, case.column("flowW") / 1e6, sigma["flowW"] / 1e6, "from")
    add("q", "line", lines, case.column("flowVar") / 1e6, sigma["flowW"] / 1e6, "from")
    return np.concatenate(values, axis=1)
