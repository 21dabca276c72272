"""power-grid-model: batches of power flows and of state estimations, one thread, outputs as columns."""

import numpy as np
from power_grid_model import LoadGenType, MeasuredTerminalType, PowerGridModel, initialize_array

NODE_COLUMNS = ["u_pu", "u", "u_angle"]
LINE_COLUMNS = [
    "p_from", "q_from", "s_from", "i_from", "p_to", "q_to", "s_to", "i_to", "loading",
]  # fmt: skip


class PgmPeer:
    def __init__(self, case):
        self.case = case
        self.input = grid_input(case)
        self.outputs = {}
        if "voltageV" in case.about["columns"]:
            add_sensors(case, self.input)
            self.model = PowerGridModel(self.input)
            self.update = sensor_updates(case)
            return
        self.model = PowerGridModel(self.input)
        load = "asym_load" if case.three_phase else "sym_load"
        self.update = {
            load: {
                "p_specified": case.column("activePowerW"),
                "q_specified": case.column("reactivePowerVar"),
            }
        }

    def power_flow(self, method, count):
        self.calculate(self.model.calculate_power_flow, method, count)

    def estimation(self, method, count):
        self.calculate(self.model.calculate_state_estimation, method, count)

    def calculate(self, work, method, count):
        """Solves the first `count` situations; the inputs are taken over and the outputs written in here."""
        update = {
            component: {name: values[:count] for name, values in columns.items()}
            for component, columns in self.update.items()
        }
        self.outputs[method] = work(
            symmetric=not self.case.three_phase,
            calculation_method=method,
            error_tolerance=self.case.about["tolerancePu"],
            max_iterations=100,
            update_data=update,
            output_component_types={"node": NODE_COLUMNS, "line": LINE_COLUMNS},
            threading=-1,
        )

    def write_answers(self, method, name):
        node, line = self.outputs[method]["node"], self.outputs[method]["line"]
        self.case.write(name, "voltagePu", node["u_pu"])
        self.case.write(name, "angleRad", node["u_angle"])
        self.case.write(name, "activeFromW", line["p_from"])
        self.case.write(name, "reactiveToVar", line["q_to"])


def grid_input(case):
    about = case.about
    buses = case.buses
    node = initialize_array("input", "node", buses)
    node["id"] = np.arange(buses)
    node["u_rated"] = about["nominalVoltageV"]

    far_from = case.index("from")
    lines = len(far_from)
    line = initialize_array("input", "line", lines)
    line["id"] = buses + np.arange(lines)
    line["from_node"] = far_from
    line["to_node"] = case.index("to")
    line["from_status"] = 1
    line["to_status"] = 1
    for name in ("r1", "x1", "c1", "r0", "x0", "c0", "i_n"):
        line[name] = case.column(name)
    line["tan1"] = 0
    line["tan0"] = 0

    load_bus = case.index("loadBus")
    load = initialize_array("input", "asym_load" if case.three_phase else "sym_load", len(load_bus))
    load["id"] = buses + lines + np.arange(len(load_bus))
    load["node"] = load_bus
    load["status"] = 1
    load["type"] = LoadGenType.const_power
    load["p_specified"] = case.column("activePowerW")[0]
    load["q_specified"] = case.column("reactivePowerVar")[0]

    source = initialize_array("input", "source", 1)
    source["id"] = buses + lines + len(load_bus)
    source["node"] = 0
    source["status"] = 1
    source["u_ref"] = about["source"]["voltagePu"]
    source["sk"] = about["source"]["shortCircuitPowerVA"]
    source["rx_ratio"] = about["source"]["rx"]
    source["z01_ratio"] = 1
    return {
        "node": node,
        "line": line,
        "asym_load" if case.three_phase else "sym_load": load,
        "source": source,
    }


def add_sensors(case, data):
    """Voltage magnitudes at some buses, the power of every load, the flow into the first line of every feeder."""
    kind = "asym" if case.three_phase else "sym"
    sigma = case.about["sigma"]
    first = case.buses + len(data["line"]) + len(data["source"]) + case.buses
    voltage_bus = case.index("voltageBus")
    voltage = initialize_array("input", f"{kind}_voltage_sensor", len(voltage_bus))
    voltage["id"] = first + np.arange(len(voltage_bus))
    voltage["measured_object"] = voltage_bus
    voltage["u_sigma"] = sigma["voltageV"] / (np.sqrt(3) if case.three_phase else 1)
    voltage["u_measured"] = case.column("voltageV")[0]
    if case.three_phase:
        voltage["u_angle_measured"] = voltage_updates(case)["u_angle_measured"][0]

    flow_line = case.index("flowLine")
    loads = data[f"{kind}_load"]["id"]
    power = initialize_array("input", f"{kind}_power_sensor", len(loads) + len(flow_line))
    power["id"] = first + len(voltage_bus) + np.arange(len(power))
    power["measured_object"] = np.concatenate([loads, case.buses + flow_line])
    power["measured_terminal_type"][: len(loads)] = MeasuredTerminalType.load
    power["measured_terminal_type"][len(loads) :] = MeasuredTerminalType.branch_from
    for name in ("p_sigma", "q_sigma"):
        power[name][: len(loads)] = sigma["loadW"]
        power[name][len(loads) :] = sigma["flowW"]
    updates = sensor_updates(case)[f"{kind}_power_sensor"]
    power["p_measured"] = updates["p_measured"][0]
    power["q_measured"] = updates["q_measured"][0]
    data[f"{kind}_voltage_sensor"] = voltage
    data[f"{kind}_power_sensor"] = power


def sensor_updates(case):
    kind = "asym" if case.three_phase else "sym"
    return {
        f"{kind}_voltage_sensor": voltage_updates(case),
        f"{kind}_power_sensor": {
            "p_measured": np.concatenate([case.column("activePowerW"), case.column("flowW")], axis=1),
            "q_measured": np.concatenate([case.column("reactivePowerVar"), case.column("flowVar")], axis=1),
        },
    }


def voltage_updates(case):
    """Three phases: the first sensor gives angles, the others none."""
    measured = case.column("voltageV")
    if not case.three_phase:
        return {"u_measured": measured}
    angle = np.full_like(measured, np.nan)
    angle[:, 0, :] = case.column("angleRad")[:, 0, :]
    return {"u_measured": measured, "u_angle_measured": angle}
