/**
 * What the sun would yield without clouds: position of the sun, irradiance on a tilted plane and power of a PV system.
 * Irradiance after the European Solar Radiation Atlas (ESRA) model, Rigollier, Bauer and Wald, "On the clear sky model of
 * the ESRA", Solar Energy 68 (2000) 33-48. Power after PVWatts (Dobos, NREL/TP-6A20-62641, 2014).
 */
import { getPosition } from 'suncalc';

const RAD = Math.PI / 180;

export interface Sun {
  /** Sine of the apparent altitude; not positive at night. */
  readonly sinAltitude: number;
  readonly altitudeDeg: number;
  /** Unit vector from the site to the sun: east, north, up. */
  readonly east: number;
  readonly north: number;
  readonly up: number;
}

/** Where the sun stands, `timeUs` us since the epoch, degrees north and east. */
export function sunAt(timeUs: number, latitudeDeg: number, longitudeDeg: number): Sun {
  const { altitude, azimuth } = getPosition(new Date(timeUs / 1000), latitudeDeg, longitudeDeg);
  const horizontal = Math.cos(altitude * RAD);
  const up = Math.sin(altitude * RAD);
  return {
    sinAltitude: up,
    altitudeDeg: altitude,
    east: horizontal * Math.sin(azimuth * RAD),
    north: horizontal * Math.cos(azimuth * RAD),
    up,
  };
}

export interface ClearSky {
  /** Direct normal, diffuse horizontal and global horizontal irradiance, W/m2. */
  readonly directNormal: number;
  readonly diffuseHorizontal: number;
  readonly globalHorizontal: number;
}

/** Linke turbidity of air mass 2: a usual value of the north German plain in spring (winter 3, humid summer 4.5). */
const defaultTurbidity = 3.5;

const DARK: ClearSky = { directNormal: 0, diffuseHorizontal: 0, globalHorizontal: 0 };

/** Clear-sky irradiance at sea level for a sun at `sun`, day of the year 1..366, Linke turbidity TL. */
export function clearSky(sun: Sun, dayOfYear: number, turbidity = defaultTurbidity): ClearSky {
  if (sun.sinAltitude <= 0) return DARK;
  const s = sun.sinAltitude;
  // Extraterrestrial irradiance: solar constant times the Earth's distance (ESRA eq. 3).
  const extraterrestrial = 1367 * (1 + 0.03344 * Math.cos((2 * Math.PI * dayOfYear) / 365.25 - 0.048869));
  // Relative optical air mass, Kasten and Young 1989.
  const airMass = 1 / (s + 0.50572 * (sun.altitudeDeg + 6.07995) ** -1.6364);
  const directNormal = extraterrestrial * Math.exp(-0.8662 * turbidity * airMass * rayleighThickness(airMass));
  const diffuseHorizontal = extraterrestrial * diffuseTransmittance(s, turbidity);
  return { directNormal, diffuseHorizontal, globalHorizontal: directNormal * s + diffuseHorizontal };
}

/** Integral Rayleigh optical thickness per air mass, Kasten 1996 as in ESRA eq. 8-9. */
function rayleighThickness(m: number): number {
  if (m > 20) return 1 / (10.4 + 0.718 * m);
  return 1 / (6.6296 + m * (1.7513 + m * (-0.1202 + m * (0.0065 - 0.00013 * m))));
}

/** Diffuse horizontal over extraterrestrial irradiance: Trd(TL) Fd(altitude, TL), ESRA eq. 14-18. */
function diffuseTransmittance(s: number, turbidity: number): number {
  const tl = turbidity;
  const zenith = -1.5843e-2 + 3.0543e-2 * tl + 3.797e-4 * tl * tl;
  const a0 = Math.max(0.26463 - 0.061581 * tl + 0.0031408 * tl * tl, 0.0022 / zenith);
  const a1 = 2.0402 + 0.018945 * tl - 0.011161 * tl * tl;
  const a2 = -1.3025 + 0.039231 * tl + 0.0085079 * tl * tl;
  return zenith * Math.max(0, a0 + s * (a1 + s * a2));
}

export interface Plane {
  /** Unit normal of the modules: east, north, up. */
  readonly east: number;
  readonly north: number;
  readonly up: number;
}

/** Modules tilted from horizontal and facing `azimuthDeg` clockwise from north. */
export function plane(tiltDeg: number, azimuthDeg: number): Plane {
  const horizontal = Math.sin(tiltDeg * RAD);
  return {
    east: horizontal * Math.sin(azimuthDeg * RAD),
    north: horizontal * Math.cos(azimuthDeg * RAD),
    up: Math.cos(tiltDeg * RAD),
  };
}

/** Reflectance of grass and fields. */
const ALBEDO = 0.2;

/**
 * Irradiance on a plane, W/m2: direct on its cosine, isotropic sky diffuse (Liu and Jordan 1963) and ground reflection.
 * cos(tilt) is the normal's upward component.
 */
export function planeOfArray(sky: ClearSky, sun: Sun, modules: Plane): number {
  const cosIncidence = sun.east * modules.east + sun.north * modules.north + sun.up * modules.up;
  const direct = sky.directNormal * Math.max(0, cosIncidence);
  const diffuse = sky.diffuseHorizontal * 0.5 * (1 + modules.up);
  return direct + diffuse + sky.globalHorizontal * ALBEDO * 0.5 * (1 - modules.up);
}

/** PVWatts: crystalline silicon loses 0.4 % per K above 25 C; 14 % in soiling, mismatch, wiring, age; 4 % in the inverter. */
const TEMPERATURE_COEFFICIENT = -0.004;
const SYSTEM_EFFICIENCY = 0.86 * 0.96;
/** Cell over air temperature per irradiance, K m2/W: nominal operating cell temperature of 45 C at 800 W/m2 and 20 C. */
const CELL_HEATING = 25 / 800;

/** AC power in W per W of peak capacity at `irradiance` W/m2 on the modules and `airC` degrees; never above 1. */
export function pvPowerPerWp(irradiance: number, airC: number): number {
  const cellC = airC + CELL_HEATING * irradiance;
  const power = (irradiance / 1000) * (1 + TEMPERATURE_COEFFICIENT * (cellC - 25)) * SYSTEM_EFFICIENCY;
  return Math.min(1, Math.max(0, power));
}

/** Air temperature, C: a climatic mean for central Europe, coldest in mid January, without weather or time of day. */
export function climateTemperatureC(dayOfYear: number): number {
  return 9.5 - 8.5 * Math.cos((2 * Math.PI * (dayOfYear - 17)) / 365.25);
}
